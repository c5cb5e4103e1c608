"""What surrounds the start of vLLM's processes: their environment, and imports without garbage collection."""

import contextlib
import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peerleap.engine.device import Device

_PRELOAD = "LD_PRELOAD"


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Import without garbage collection: vLLM's imports make a million objects that stay; it costs a fifth of them."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def process_environment(
    device: Device, engine_args: Mapping[str, Any], *, threads: Sequence[str] = ()
) -> Iterator[None]:
    """Set for vLLM's processes, and only for them, what they read before they import anything.

    Args:
        device: where vLLM runs.
        engine_args: vLLM's engine arguments.
        threads: cores to bind the model's threads to, one each.
    """
    added: dict[str, str] = {}
    if device == "cpu" and engine_args.get("enforce_eager"):
        # vLLM compiles a part of its log-probabilities there, too: without a C++ compiler it dies of that.
        added["TORCH_COMPILE_DISABLE"] = "1"
    if threads:
        added |= {"OMP_NUM_THREADS": str(len(threads)), "GOMP_CPU_AFFINITY": " ".join(threads)}
    added = {name: value for name, value in added.items() if name not in os.environ}
    preloaded = os.environ.get(_PRELOAD)
    if threads and (libraries := _libraries(preloaded or "")):
        added[_PRELOAD] = libraries
    os.environ.update(added)
    try:
        yield
    finally:
        for name in {*added, _PRELOAD}:  # vLLM leaves its own in the host, where every child of it would load them
            os.environ.pop(name, None)
        if preloaded is not None:
            os.environ[_PRELOAD] = preloaded


def _libraries(preloaded: str) -> str:
    """What vLLM preloads into its workers on a CPU: without torch's own OpenMP, bound threads share one core."""
    found = [preloaded] if preloaded else []
    if "libgomp" not in preloaded:
        found += _files("torch", "../torch.libs/libgomp*.so*", "lib/libgomp*.so*")
    if "libtcmalloc" not in preloaded:
        found = [*_files("vllm", "libs/libtcmalloc_minimal*.so*", "libs/libtcmalloc.so*"), *found]
    return ":".join(found)


def _files(package: str, *patterns: str) -> list[str]:
    """The first file of a package that one of the patterns finds, without importing the package; or none."""
    spec = find_spec(package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    return [str(file.resolve()) for pattern in patterns if folder for file in sorted(folder.glob(pattern))][:1]
