"""Writes weights as the folder that vLLM loads; `python -m peerleap.engine.shipped.conversion WEIGHTS TARGET`.

It runs in a process of its own: a thread that converts cannot be stopped, and a process can.
"""

import signal
import sys
from pathlib import Path
from typing import Any


def convert(weights: Path, target: Path) -> None:
    """Turn a GGUF file into float32 safetensors, configuration, tokenizer and chat template."""
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
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once, in the middle of a matrix, too
    convert(*map(Path, sys.argv[1:]))
