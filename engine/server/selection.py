"""Which of the servers can be used: found out before a run begins, in one line where none can."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from peerleap.engine.chat import load_tokenizer
from peerleap.engine.errors import EngineStartError, ModelError, TokenizerError
from peerleap.engine.models import Model, resolve_model
from peerleap.engine.server.served import Served, look, probe
from peerleap.engine.server.wire import Setback

T = TypeVar("T")

log = logging.getLogger("peerleap.engine")

_PAUSES = (0.1, 0.2, 0.4, 0.8, 0.8, 0.8)

Found = dict[str, Served]
"""What each server runs, by its URL."""


async def look_at_all(client: httpx.AsyncClient, servers: Sequence[str], requested: str | None) -> Found:
    """Those servers that run the model. Of several, those that cannot be reached or run another one are missing.

    Raises:
        EngineStartError: none can be reached.
        EngineArgumentError: one is no vLLM server, or refuses the key.
        ModelError: none runs the model, or it is not clear which one is meant.
    """
    answers = await asyncio.gather(
        *(_again(partial(look, client, server, requested)) for server in servers), return_exceptions=True
    )
    found: Found = {}
    others, away = dict[str, BaseException](), dict[str, BaseException]()
    for server, answer in zip(servers, answers, strict=True):
        if isinstance(answer, Served):
            found[server] = answer
        elif isinstance(answer, Setback):
            away[server] = answer
        elif isinstance(answer, ModelError) and requested is not None:
            others[server] = answer
        else:
            raise answer
    if others and not found:
        raise next(iter(others.values()))
    if not found:
        raise _away(away)
    if len(names := {served.name: server for server, served in found.items()}) > 1 and requested is None:
        which = ", ".join(f"{name!r} ({server})" for name, server in names.items())
        raise ModelError(f"the servers run different models: {which}; say which with `model`")
    for error in others.values():
        log.info("%s; it is left out", error)
    _warn(away)
    return found


def describe(found: Mapping[str, Served], tokenizer: str | None) -> tuple[Model, Any]:
    """The model of the servers, and its tokenizer.

    Args:
        found: the servers that run it.
        tokenizer: folder or hub id of the tokenizer; `None` for where the server has the model from.

    Raises:
        ModelError: the tokenizer cannot be read here.
    """
    served = next(iter(found.values()))
    cure = "give the folder or hub id of its tokenizer: tokenizer=..., or --engine-arg tokenizer=..."
    path = tokenizer or served.root
    if path.startswith("/") and not Path(path).is_dir():
        raise ModelError(f"model={served.id!r}: its tokenizer is looked for in {path!r}, which is not here; {cure}")
    lengths = [each.context_length for each in found.values() if each.context_length is not None]
    length = min(lengths) if lengths else resolve_model(path).context_length
    model = Model(served.name, path, length, weight_bytes=None, quantization=None, dtype=None)
    try:
        return model, load_tokenizer(model, {})[0]
    except TokenizerError:
        raise
    except ModelError as error:
        raise ModelError(f"{error}; {cure}") from error


async def probe_all(client: httpx.AsyncClient, found: Found, tokenizer: Any) -> tuple[Found, bool]:
    """Those servers that write a token, and whether all report what came from their caches.

    Raises:
        EngineStartError: none does.
        EngineArgumentError: one cannot be used.
    """
    answers = await asyncio.gather(
        *(_again(partial(probe, client, server, served, tokenizer)) for server, served in found.items()),
        return_exceptions=True,
    )
    ready: Found = {}
    away = dict[str, BaseException]()
    for server, answer in zip(found, answers, strict=True):
        if isinstance(answer, bool):
            ready[server] = found[server]
        elif isinstance(answer, Setback):
            away[server] = answer
        else:
            raise answer
    if not ready:
        raise _away(away)
    _warn(away)
    return ready, False not in answers


async def _again(attempt: Callable[[], Awaitable[T]]) -> T:
    """A router sends some requests to a server that is gone, until it has noticed."""
    for pause in _PAUSES:
        try:
            return await attempt()
        except Setback as setback:
            if setback.gone:
                raise
            await asyncio.sleep(pause)
    return await attempt()


def _away(away: Mapping[str, BaseException]) -> EngineStartError:
    server, error = next(iter(away.items()))
    others = f", nor can the other {len(away) - 1}" if len(away) > 1 else ""
    return EngineStartError(f"server={server!r}: it cannot be used now ({error}){others}; is it running?")


def _warn(away: Mapping[str, BaseException]) -> None:
    for server, error in away.items():
        log.warning("the server %s cannot be used now (%s); the others do its work", server, error)
