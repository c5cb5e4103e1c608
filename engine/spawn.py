"""What surrounds the start of vLLM's processes: their environment, and imports without garbage collection."""

import contextlib
import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peerleap.engine.device import Device


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
        places = f"{{{','.join(threads)}}}"
        added |= {"OMP_NUM_THREADS": str(len(threads)), "OMP_PLACES": places, "OMP_PROC_BIND": "true"}
    added = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
