"""Converts weights to a folder that vLLM loads; `python -m peerleap.engine.shipped.conversion WEIGHTS TARGET`.

It runs as a process of its own, because a process can be stopped and a thread cannot.
"""

import signal
import sys
from pathlib import Path
from typing import Any


def convert(weights: Path, target: Path) -> None:
    """Convert a GGUF file to float32 safetensors, configuration, tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    model: Any = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once
    convert(*map(Path, sys.argv[1:]))
