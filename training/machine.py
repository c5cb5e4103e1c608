"""The machine that a model is trained on: its memory, and the numbers that it is fast in."""

import os
import time
from dataclasses import dataclass
from typing import Any

_MEASURED = {True: 4096, False: 64}
"""Tokens of a measurement, on a GPU and on a processor."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One device; a run over several has as many of them as processes."""

    name: str
    cuda: bool
    memory: int
    """Bytes that are free now: of the GPU, or of the computer."""
    bf16: bool
    """Whether it multiplies bfloat16 in hardware; where a processor emulates it, float32 is far faster."""
    devices: int
    """Processes of this run, one a device, as `torchrun` and `accelerate launch` start them."""


def this_machine() -> Machine:
    """The device that training would use here."""
    import psutil
    import torch

    devices = int(os.environ.get("WORLD_SIZE", "1"))
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return Machine(torch.cuda.get_device_name(), True, free, torch.cuda.is_bf16_supported(), devices)
    found = torch.cpu.get_capabilities()
    bf16 = bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"))
    name = f"{found.get('cpu_name', 'CPU')}, {torch.get_num_threads()} threads"
    return Machine(name, False, psutil.virtual_memory().available, bf16, devices)


def layer_speed(config: Any, machine: Machine, bf16: bool) -> float:
    """Floating point operations a second in one layer of this architecture, forward and backward."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    fields = {**config.get_text_config().to_dict(), "num_hidden_layers": 1, "vocab_size": 256, "layer_types": None}
    fields |= dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    device = "cuda" if machine.cuda else "cpu"
    tokens = _MEASURED[machine.cuda]
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields), dtype=torch.float32).to(device)
    ids = torch.arange(tokens, device=device)[None] % 256
    inside = sum(weight.numel() for weight in model.base_model.parameters()) - 256 * fields["hidden_size"]
    took = []
    for _ in range(2):  # the first one pays for memory and kernels
        start = time.perf_counter()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        float(loss.detach())
        if machine.cuda:
            torch.cuda.synchronize()
        took.append(time.perf_counter() - start)
    return float(6 * inside * tokens / min(took))
