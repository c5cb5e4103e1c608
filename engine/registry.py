"""One engine per model and engine arguments in a process, shared by all graphs."""

import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from peerleap.engine.errors import EngineArgumentError
from peerleap.engine.models import default_model, model_folder
from peerleap.engine.server import API_KEY, SERVER, default_servers, parse_servers
from peerleap.engine.shipped import EMBEDDED, MINIATURE

if TYPE_CHECKING:
    from peerleap.engine.server import ServerEngine
    from peerleap.engine.vllm_engine import VLLMEngine

_engines: "dict[tuple[str, str], VLLMEngine | ServerEngine]" = {}
_lock = threading.Lock()
_OF_SERVERS = {"tokenizer"}
"""Engine arguments that have a meaning where the model is on servers."""


def get_engine(
    model: str | None = None, *, server: str | Iterable[str] | None = None, **engine_args: Any
) -> "VLLMEngine | ServerEngine":
    """The engine of this process for a model and its engine arguments; every call returns the same one.

    The model is located at its first use. The engine starts with its first request and is shut down at exit.

    Args:
        model: hub id or folder, or its name on the servers; `None` for `PEERLEAP_MODEL`, else the embedded model in
            this process, or the only model of the servers.
        server: base URLs of vLLM servers; `None` for `PEERLEAP_SERVER`, else vLLM in this process, as with `""`.
        engine_args: vLLM's; with servers only `tokenizer`, the tokenizer's folder or hub id.

    Raises:
        EngineArgumentError: a URL is not usable, or an engine argument is for the servers to set.
        ModelError: no folder and no model can have this name.
    """
    servers = default_servers() if server is None else server
    if isinstance(servers, str) and not servers.strip():
        servers = ()
    urls = parse_servers(servers) if servers else ()
    if urls:
        _check_arguments(engine_args, from_environment=server is None)
    requested = (os.environ.get("PEERLEAP_MODEL") or None) if urls and model is None else model
    name = "" if urls and requested is None else default_model() if requested is None else str(requested)
    if name not in {EMBEDDED, MINIATURE} and (folder := model_folder(name)) is not None:
        name = str(folder.resolve())  # the working directory may change before it is read
    key = (name, repr((urls, sorted(engine_args.items()))))
    with _lock:
        if key not in _engines or _engines[key].closed:
            _engines[key] = _made(name, urls, engine_args)
        return _engines[key]


def _made(name: str, urls: tuple[str, ...], engine_args: dict[str, Any]) -> "VLLMEngine | ServerEngine":
    if urls:
        from peerleap.engine.server import ServerEngine

        return ServerEngine(urls, name or None, **engine_args)
    # Nothing that leads to vLLM is imported where servers run the model.
    from peerleap.engine.vllm_engine import VLLMEngine

    return VLLMEngine(name, **engine_args)


def _check_arguments(engine_args: dict[str, Any], *, from_environment: bool) -> None:
    for name in engine_args:
        if name == "api_key":
            raise EngineArgumentError(f"engine argument 'api_key': set {API_KEY}, or pass a ServerEngine as the engine")
        if name not in _OF_SERVERS:
            where = f" ({SERVER} is set)" if from_environment else ""
            raise EngineArgumentError(
                f"engine argument {name!r}: the model runs on a server{where}; give it to that `vllm serve`"
            )


def close_engines() -> None:
    """Shut down every shared engine; later calls of `get_engine` create new ones."""
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        engine.close()
