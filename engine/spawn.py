"""What surrounds the start of vLLM's processes: their environment, and imports without garbage collection."""

import contextlib
import gc
import os
from collections.abc import Iterator
from typing import Any


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
def process_environment(engine_args: dict[str, Any]) -> Iterator[None]:
    """Set for vLLM's processes, and only for them, what they read before they import anything.

    Args:
        engine_args: vLLM's engine arguments.
    """
    from vllm.platforms import current_platform

    added: dict[str, str] = {}
    if current_platform.is_cpu() and engine_args.get("enforce_eager"):
        # vLLM compiles a part of its log-probabilities there, too: without a C++ compiler it dies of that.
        added["TORCH_COMPILE_DISABLE"] = "1"
    added = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
