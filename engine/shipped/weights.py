"""Finds the weight files of a model, in a folder or on the hub, and their size in bytes."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# vLLM loads the first format that it finds.
_KINDS = ("*.safetensors", "*.bin", "*.pt")
# Files that trainers write beside the weights.
_OTHERS = {"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"}
_HUB_SECONDS = 5.0


def weight_files(names: Iterable[str]) -> list[str]:
    """The weight files among a model's files, in one format only."""
    candidates = [name for name in names if "/" not in name and name not in _OTHERS]
    for kind in _KINDS:
        if found := sorted(name for name in candidates if fnmatch(name, kind)):
            # `consolidated*` is a copy in Mistral's own format.
            return [name for name in found if not name.startswith("consolidated")] or found
    return []


def folder_bytes(folder: Path) -> int | None:
    """Size of the weights in a folder, in bytes; `None` without weights."""
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    return _sum(sizes)


def hub_bytes(name: str) -> int | None:
    """Size of a model's weights on the hub, in bytes, by a single request; `None` if the hub does not say.

    Raises:
        Exception: any error of the hub's client, such as an unreachable hub or an unknown model.
    """
    from huggingface_hub import HfApi

    info: Any = HfApi().model_info(name, timeout=_HUB_SECONDS, files_metadata=True)
    return _sum({file.rfilename: file.size or 0 for file in info.siblings or ()})


def _sum(sizes: Mapping[str, int]) -> int | None:
    files = weight_files(sizes)
    return sum(sizes[name] for name in files) if files else None
