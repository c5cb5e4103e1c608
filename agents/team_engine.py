"""vLLM's engine arguments that a team file can set: plain values that load no code."""

from collections.abc import Mapping
from typing import Any

__all__ = ["ENGINE_ARGS", "EngineFileError", "check_engine_args"]

ENGINE_ARGS = frozenset(
    {
        *("attention_backend", "block_size", "dtype", "enforce_eager", "quantization", "revision", "seed"),
        *("cpu_offload_gb", "gpu_memory_utilization", "kv_cache_dtype", "kv_cache_memory_bytes"),
        *("async_scheduling", "enable_chunked_prefill", "enable_prefix_caching", "num_gpu_blocks_override"),
        *("max_logprobs", "max_model_len", "max_num_batched_tokens", "max_num_seqs", "tokenizer_revision"),
        *("data_parallel_size", "pipeline_parallel_size", "tensor_parallel_size", "enable_expert_parallel"),
        *("disable_custom_all_reduce", "distributed_executor_backend", "lora_path", "max_lora_rank"),
    }
)
"""What a file can set. Many others name classes or plugins that vLLM runs, or hold tables in which that can be said."""

# Any other text is the name of a class that vLLM imports.
_EXECUTORS = ("mp", "ray", "uni")


class EngineFileError(ValueError):
    """An engine argument of a team file is refused; the message begins with its key behind `engine_args`."""


def check_engine_args(given: Mapping[Any, Any]) -> None:
    """Refuse what a file must not set.

    Raises:
        EngineFileError: an argument is none of `ENGINE_ARGS`, no plain value, or the name of a class.
    """
    for key, value in given.items():
        told = f".{key}={value!r:.80}"
        if key not in ENGINE_ARGS:
            there = ", ".join(sorted(ENGINE_ARGS))
            raise EngineFileError(f"{told}: set it from Python: Peer(engine_args=...); a file can set {there}")
        if not isinstance(value, str | int | float):
            raise EngineFileError(f"{told}: give a number, a text, or true or false")
        if key == "distributed_executor_backend" and value not in _EXECUTORS:
            raise EngineFileError(f"{told}: give one of {', '.join(_EXECUTORS)}; others need Python")
