"""One engine for each model and its arguments in a process, shared by all graphs."""

import threading
from pathlib import Path
from typing import Any

from peerleap.engine.models import default_model
from peerleap.engine.shipped import EMBEDDED, MINIATURE
from peerleap.engine.vllm_engine import VLLMEngine

_engines: dict[tuple[str, str], VLLMEngine] = {}
_lock = threading.Lock()


def get_engine(model: str | None = None, **engine_args: Any) -> VLLMEngine:
    """The process's engine for a model and its engine arguments; everybody who asks gets the same one.

    The model is looked for at its first use; the engine starts at its first request and is shut down at exit.
    """
    name = default_model() if model is None else str(model)
    folder = Path(name).expanduser()
    if name and name not in {EMBEDDED, MINIATURE} and folder.is_dir():
        name = str(folder.resolve())  # it is read later, perhaps from another working directory
    key = (name, repr(sorted(engine_args.items())))
    with _lock:
        if key not in _engines or _engines[key].closed:
            _engines[key] = VLLMEngine(name, **engine_args)
        return _engines[key]


def close_engines() -> None:
    """Shut down every shared engine; later calls of `get_engine` make new ones."""
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        engine.close()
