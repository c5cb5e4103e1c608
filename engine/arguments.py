"""Checks engine arguments without importing vLLM, which takes seconds."""

import ast
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peerleap.engine.errors import EngineArgumentError, ModelError
from peerleap.engine.models import model_folder

LORA_PATH = "lora_path"
"""An argument of ours, not of vLLM: the folder of a LoRA adapter."""
ADAPTER_FILE = "adapter_config.json"
"""What tells the folder of an adapter from that of a model."""
_CLASSES = {"EngineArgs", "AsyncEngineArgs"}


def check_arguments(engine_args: Mapping[str, Any]) -> None:
    """Refuse unknown names, an impossible context length, and a missing LoRA adapter.

    Raises:
        EngineArgumentError: names the argument and the cure.
    """
    known = known_arguments() if engine_args else frozenset()
    if known:
        refuse_unknown(engine_args, known)
    length = engine_args.get("max_model_len", -1)
    if length is not None and (
        not isinstance(length, int) or isinstance(length, bool) or (length < 1 and length != -1)
    ):
        raise EngineArgumentError(
            f"engine argument max_model_len={length!r}: give a number of tokens, such as 8192, or -1 for what fits"
        )
    _check_adapter(engine_args.get(LORA_PATH))


def _check_adapter(adapter: Any) -> None:
    # vLLM reads the adapter at the first request, after the model is loaded, and then fails every request.
    if adapter is None:
        return
    name = str(adapter) if isinstance(adapter, str | Path) else ""
    try:
        folder = model_folder(name)
        # A name that does not look like a path may be a hub id.
        usable = folder is not None or (bool(name.strip()) and not name.startswith(("/", ".", "~")))
    except ModelError:
        folder, usable = None, False
    if not usable:
        raise EngineArgumentError(
            f"engine argument lora_path={adapter!r:.300}: no such folder; give that of a LoRA adapter"
        )
    if folder is not None and not (folder / ADAPTER_FILE).is_file():
        raise EngineArgumentError(
            f"engine argument lora_path={adapter!r}: the folder has no {ADAPTER_FILE!r}; is it a LoRA adapter's?"
        )


def refuse_unknown(engine_args: Collection[str], known: Collection[str]) -> None:
    """Refuse an argument whose name is not `known`.

    Raises:
        EngineArgumentError: names it, and the closest known name.
    """
    for name in engine_args:
        if name not in known and name != LORA_PATH:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise EngineArgumentError(f"engine argument {name!r} is unknown to vLLM{hint}")


@cache
def known_arguments() -> frozenset[str]:
    """Names of vLLM's engine arguments, read from its source; empty if the source cannot be read."""
    spec = find_spec("vllm")
    folders = spec.submodule_search_locations if spec is not None else None
    try:
        tree = ast.parse((Path(next(iter(folders or ()))) / "engine" / "arg_utils.py").read_text(encoding="utf-8"))
    except (StopIteration, OSError, SyntaxError, ValueError):
        return frozenset()
    made = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in _CLASSES]
    if {node.name for node in made} != _CLASSES:
        return frozenset()
    fields = (field for node in made for field in node.body if isinstance(field, ast.AnnAssign))
    return frozenset(field.target.id for field in fields if isinstance(field.target, ast.Name))
