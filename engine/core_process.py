"""vLLM's process on a CPU: it begins to import before the host does, and runs the model itself."""

import contextlib
import gc
import importlib
import mmap
import multiprocessing
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any

from peerleap.engine.device import Device
from peerleap.engine.orphans import follow_host
from peerleap.engine.spawn import no_collection, process_environment

_CORES = "VLLM_CPU_OMP_THREADS_BIND"
_IMPORTS = (
    "vllm.v1.engine.core", "vllm.v1.executor.uniproc_executor", "vllm.v1.worker.cpu_worker",
    # What these import only once they run.
    "vllm.model_executor.layers.quantization.online.base", "vllm.triton_utils.dispatcher",
    "vllm.v1.attention.backends.cpu_attn", "vllm.v1.core.sched.scheduler",
)  # fmt: skip
# vLLM puts the model into a process below its core on a CPU, since it cannot bind the threads of a process that runs
# already. This one is started with its threads bound, which saves a process, its imports, and a message a step.
# "uni" would be replaced by vLLM; the class itself is not.
_EXECUTOR = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
_ONE = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")

_here = threading.local()
"""`core` is the process that vLLM takes, on the thread that makes an `AsyncLLM`, where it would start one."""


class CoreProcess:
    """A process that imports what vLLM's engine core needs, and then waits to become one. vLLM sees a `Process`.

    Make it on the thread that the engine lives on: the process dies with that thread.

    Args:
        device: where vLLM runs.
        engine_args: vLLM's engine arguments.
    """

    def __init__(self, device: Device, engine_args: Mapping[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        jobs, self._jobs = context.Pipe(duplex=False)
        self._process = context.Process(target=_become_core, args=(jobs,), name="EngineCore", daemon=True)
        with process_environment(device, engine_args, threads=_cores()):
            self._process.start()
        jobs.close()
        self._job: tuple[Callable[..., object], Mapping[str, Any]] | None = None

    @staticmethod
    def suits(device: Device, engine_args: Mapping[str, Any]) -> bool:
        """Whether an engine with these arguments can run in one process that is started before vLLM is imported."""
        return (
            device == "cpu"
            and engine_args.get("enforce_eager") is True  # what compiles reads its environment while it is imported
            and all(engine_args.get(name, 1) == 1 for name in _ONE)
            and engine_args.get("distributed_executor_backend") is None
            and bool(_cores())
            and not re.search("libi?omp", os.environ.get("LD_PRELOAD", ""))  # its threads are bound otherwise
        )

    @contextlib.contextmanager
    def replacing_vllms(self, engine_args: dict[str, Any]) -> Iterator[None]:
        """Let the `AsyncLLM` that is made in the `with` block, on this thread, take this process as its core."""
        from vllm.v1.engine import utils

        if not isinstance(utils.get_mp_context, _Contexts):
            utils.get_mp_context = _Contexts(utils.get_mp_context)
        engine_args["distributed_executor_backend"] = _EXECUTOR
        _here.core = self
        try:
            yield
        finally:
            _here.core = None

    def with_job(self, target: Callable[..., object], job: Mapping[str, Any]) -> "CoreProcess":
        """Set what `start` runs in it: the arguments by which vLLM makes a process."""
        self._job = (target, job)
        return self

    def start(self) -> None:
        """Run the job, in the environment that this process has by now."""
        # A process that has died already, as that of a program without a main guard does, is noticed by its sentinel.
        with contextlib.suppress(BrokenPipeError), self._jobs:
            self._jobs.send((*(self._job or ()), dict(os.environ)))

    def discard(self) -> None:
        """Kill it; nothing happens where it has ended."""
        self._process.kill()
        self._process.join()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)


class _Contexts:
    """In place of vLLM's function that gives the context to make processes with."""

    def __init__(self, original: Callable[[], Any]) -> None:
        self._original = original

    def __call__(self) -> Any:
        core = getattr(_here, "core", None)
        return self._original() if core is None else _Context(core)


class _Context:
    def __init__(self, core: CoreProcess) -> None:
        self._core = core

    def Process(self, *, target: Callable[..., object], name: str, kwargs: Mapping[str, Any]) -> Any:  # noqa: N802
        del name  # one process: "EngineCore"
        return self._core.with_job(target, kwargs)


def _become_core(jobs: "Connection[Any, Any]") -> None:
    follow_host()
    with no_collection(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        for name in _IMPORTS:
            importlib.import_module(name)
        gc.freeze()  # a million objects that stay
    _make_cache_lazy()
    with contextlib.suppress(EOFError):  # the host has ended, or made no use of it
        target, arguments, environment = jobs.recv()
        os.environ.update(environment)
        target(**arguments)


def _make_cache_lazy() -> None:
    """Let vLLM's KV cache take memory where it is used: vLLM fills gigabytes with zeros, which new pages are anyway."""
    import torch
    from vllm.v1.worker import utils

    class Torch:
        """`torch`, for the module that allocates the cache."""

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

        def zeros(self, size: int, *, dtype: Any, device: Any) -> Any:
            if dtype is not torch.int8 or torch.device(device).type != "cpu":
                return torch.zeros(size, dtype=dtype, device=device)
            return torch.frombuffer(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype=dtype)

    utils.torch = Torch()


def _cores() -> list[str]:
    """The cores that the model's threads are bound to; none where that is left to vLLM."""
    listed = os.environ.get(_CORES, "")
    return listed.split(",") if re.fullmatch(r"\d+(,\d+)*", listed) else []
