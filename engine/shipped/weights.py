"""Which files of a model are its weights, and how many bytes they take: in a folder, in the hub's cache, on the hub."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# vLLM loads the first kind that there is.
_KINDS = ("*.safetensors", "*.bin", "*.pt")
# What trainers leave beside the weights.
_OTHERS = {"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"}
_HUB_SECONDS = 5.0


def weight_files(names: Iterable[str]) -> list[str]:
    """The weights among the files of a model: one kind, without the copies in other formats."""
    candidates = [name for name in names if "/" not in name and name not in _OTHERS]
    for kind in _KINDS:
        if found := sorted(name for name in candidates if fnmatch(name, kind)):
            # Mistral's own format, beside the usual one.
            return [name for name in found if not name.startswith("consolidated")] or found
    return []


def folder_bytes(folder: Path) -> int | None:
    """Bytes of the weights in a folder; `None` without weights."""
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    return _sum(sizes)


def hub_bytes(name: str) -> int | None:
    """Bytes of the weights that the hub has under an id, asked once; `None` where it does not say.

    Raises:
        Exception: whatever the hub's client lets through where the hub cannot be reached or has no such model.
    """
    from huggingface_hub import HfApi

    info: Any = HfApi().model_info(name, timeout=_HUB_SECONDS, files_metadata=True)
    return _sum({file.rfilename: file.size or 0 for file in info.siblings or ()})


def _sum(sizes: Mapping[str, int]) -> int | None:
    files = weight_files(sizes)
    return sum(sizes[name] for name in files) if files else None
