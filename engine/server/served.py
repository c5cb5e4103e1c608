"""What a server runs, and whether it can be used: looked at before a run begins, and when a server comes back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from peerleap.engine.chat import encode
from peerleap.engine.errors import EngineArgumentError, EngineError, ModelError, RequestRefused
from peerleap.engine.server.address import API_KEY
from peerleap.engine.server.wire import Setback, one_line
from peerleap.engine.shipped import EMBEDDED, MINIATURE, cache_folder, miniature_folder

_LOOK_SECONDS = 30.0
# A busy server takes a request up late.
_PROBE_SECONDS = 300.0
# Without blanks: a server may read the files of a tokenizer that loses them, and is never sent any text but this.
_PROBE = "LeaP:12+30=42,\\boxed{42}"


@dataclass(frozen=True, slots=True)
class Served:
    """A model that a server runs."""

    id: str
    """What requests call it."""
    name: str
    """Its name for people: that of an embedded model where it is one, since its defaults go by that name."""
    root: str
    """Folder or hub id from which the server loaded it; an adapter's is that of its base model."""
    context_length: int | None
    """Most tokens of prompt and generated text together; `None` where the server does not say."""
    base: bool
    """Whether it is no adapter."""
    names: frozenset[str]
    """What it may be requested by."""


async def look(client: httpx.AsyncClient, server: str, requested: str | None) -> Served:
    """Ask a server which model it runs.

    Raises:
        Setback: it cannot be reached.
        EngineArgumentError: it is no server of vLLM's kind, or refuses the key.
        ModelError: it runs another model than the one that is requested.
    """
    try:
        response = await client.get(f"{server}/v1/models", timeout=_LOOK_SECONDS)
    except httpx.InvalidURL as error:
        raise EngineArgumentError(f"server={server!r}: {error}") from error
    except httpx.HTTPError as error:
        raise Setback(reason(error), gone=True) from error
    if response.status_code != httpx.codes.OK:
        raise refusal(server, response.status_code, response.content, "GET /v1/models")
    try:
        cards = _cards(response.json()["data"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineArgumentError(
            f"server={server!r}: its /v1/models is not that of a vLLM server ({response.text[:60]!r})"
        ) from error
    bases = [card for card in cards if card.base]
    if requested is None:
        if len({card.root for card in bases}) != 1:
            raise ModelError(f"server={server!r}: it serves {_listed(cards)}; say which with `model`")
        return bases[0]
    for card in cards:
        if requested in card.names or any(_same_folder(requested, name) for name in card.names):
            return card
    raise ModelError(f"model={requested!r}: the server {server} serves {_listed(cards)}")


def _cards(data: Any) -> list[Served]:
    if not data:
        raise ValueError("no model")
    by_id = {str(card["id"]): card for card in data}
    return [_card(card, by_id.get(str(card.get("parent")))) for card in data]


def _card(card: Any, base: Any) -> Served:
    own, root = str(card.get("root") or card["id"]), str((base or card).get("root") or card["id"])
    length = (base or card).get("max_model_len")
    embedded = ((MINIATURE, miniature_folder()), (EMBEDDED, cache_folder() / "models" / EMBEDDED))
    name = next((name for name, folder in embedded if Path(own) in {folder, folder.resolve()}), str(card["id"]))
    return Served(
        id=str(card["id"]), name=name, root=root, context_length=length if type(length) is int else None,
        base=card.get("parent") is None, names=frozenset({str(card["id"]), own, name}),
    )  # fmt: skip


def _same_folder(requested: str, root: str) -> bool:
    folder = Path(requested).expanduser()
    return folder.is_dir() and folder.resolve() == Path(root)


def _listed(cards: Sequence[Served]) -> str:
    return ", ".join(repr(card.id) for card in cards)


async def probe(client: httpx.AsyncClient, server: str, served: Served, tokenizer: Any) -> bool:
    """Let a server write one token: it must return ids, and have the same vocabulary.

    Returns:
        Whether it reports how many tokens came from its cache.

    Raises:
        Setback: it is gone or busy.
        EngineError: it cannot be used.
    """
    body = {"model": served.id, "prompt": _PROBE, "add_special_tokens": False, "max_tokens": 1, "temperature": 0,
            "seed": 0, "return_token_ids": True}  # fmt: skip
    try:
        response = await client.post(f"{server}/v1/completions", json=body, timeout=_PROBE_SECONDS)
    except httpx.HTTPError as error:
        raise Setback(reason(error), gone=True) from error
    if response.status_code != httpx.codes.OK:
        raise refusal(server, response.status_code, response.content, "POST /v1/completions")
    try:
        reply = response.json()
        choice, usage = reply["choices"][0], reply["usage"]
        ids, prompt = choice.get("token_ids"), choice.get("prompt_token_ids")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise EngineArgumentError(
            f"server={server!r}: its /v1/completions does not answer as vLLM's ({response.text[:60]!r})"
        ) from error
    if not isinstance(ids, list) or not isinstance(prompt, list):
        raise EngineArgumentError(
            f"server={server!r}: its completions hold no token ids, which LeaP continues: it needs a vLLM server of "
            "0.10.2 or later, and nothing in between that drops the field `return_token_ids`"
        )
    if prompt != (here := encode(tokenizer, _PROBE)):
        raise EngineArgumentError(
            f"server={server!r}: its tokenizer is another one: {_PROBE!r} is {prompt[:8]}... there and {here[:8]}... "
            "here; give the tokenizer of its model with `tokenizer`"
        )
    return isinstance(usage, dict) and usage.get("prompt_tokens_details") is not None


def refusal(server: str, status: int, content: bytes, what: str, tokens: int = 0) -> Exception:
    """What a status other than 200 means.

    Args:
        server: its URL.
        status: HTTP status.
        content: the body of the response.
        what: the request, for people.
        tokens: length of the request's prompt.
    """
    words = _words(content)
    if status in {401, 403}:
        return EngineArgumentError(
            f"server={server!r}: it does not accept the API key (status {status}); set {API_KEY}"
        )
    if status in {400, 413, 422} and tokens:
        return RequestRefused(f"the server {server} refused a request of {tokens} tokens: {words}")
    if status == 404 and tokens:
        return EngineError(f"the server {server} does not serve this model any more: {words}")
    if status == 429:
        return Setback(f"status 429: {words}")
    if status == 500:
        # A router says so in plain text, too, while no replica of its can be reached: no server was at work on it.
        return Setback(f"status 500: {words}", died=tokens > 0 and content.lstrip().startswith(b"{"))
    if status > 500:
        return Setback(f"status {status}: {words}", gone=True)
    return EngineArgumentError(f"server={server!r}: it is no vLLM server: {what} gets status {status} ({words[:80]})")


def _words(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        error = json.loads(text)
        error = error.get("error", error)
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return one_line(text) or "no words"


def reason(error: Exception) -> str:
    """Why a connection failed, in a few words."""
    return one_line(str(error)) or type(error).__name__
