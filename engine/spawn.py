"""What surrounds the start of vLLM's processes: their environment, their number, and a quiet garbage collector."""

import contextlib
import gc
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "prefill_context_parallel_size")
_BACKEND = "distributed_executor_backend"


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Import without garbage collection: vLLM's imports make a million objects that stay, and take a fifth less time."""
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
        engine_args: vLLM's engine arguments; the executor is added where one process is enough.
    """
    from vllm.platforms import current_platform

    added: dict[str, str] = {}
    if current_platform.is_cpu():
        if engine_args.get("enforce_eager"):
            # vLLM compiles a part of its log-probabilities there, too: without a C++ compiler it dies of that.
            added["TORCH_COMPILE_DISABLE"] = "1"
        if cores := _cores_of_one_process(engine_args):
            from vllm.v1.executor.uniproc_executor import UniProcExecutor

            engine_args[_BACKEND] = UniProcExecutor
            places = {"OMP_PLACES": f"{{{','.join(cores)}}}", "OMP_PROC_BIND": "true"}
            added |= {"OMP_NUM_THREADS": str(len(cores)), **places}
    added = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _cores_of_one_process(engine_args: Mapping[str, Any]) -> list[str]:
    """Cores of a worker that runs in the engine's own process; empty where it needs one of its own.

    On a CPU vLLM starts a second process for its worker even where there is one only, to give it OpenMP's environment;
    the same environment for the one process saves an import of vLLM.
    """
    bound = os.environ.get("VLLM_CPU_OMP_THREADS_BIND", "")
    own_library = re.search("libi?omp|libgomp", os.environ.get("LD_PRELOAD", "")) is not None
    several = any(engine_args.get(name, 1) not in {1, None} for name in _PARALLEL)
    if several or own_library or engine_args.get(_BACKEND) is not None or not re.fullmatch(r"\d+(,\d+)*", bound):
        return []
    return bound.split(",")
