"""The machine that a model is trained on: its memory, and the numbers that it is fast in."""

import os
from dataclasses import dataclass


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
