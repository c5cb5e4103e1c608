"""A checkpoint as a Hugging Face folder that vLLM runs: weights, tokenizer, chat template, model card."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from peerleap.engine import SETTINGS_FILE
from peerleap.training.miniature.network import Shape, config, tensors
from peerleap.training.miniature.tokenizer import CHAT_TEMPLATE, END, PAD, START, build_tokenizer

# A thought has some 100 to 250 tokens, a step some 11; a LeaP path reads the lone path's prompt, as LeaP-T models do.
_SETTINGS = {
    "interval": 45, "grace": 30, "router": "clustered", "top_k": 3, "summary_tokens": 32, "max_tokens": 640,
    "budget_counts": "own", "prompt": "plain", "answer_tokens": 48,
    "sampling": {"temperature": 0.8, "top_p": 1.0, "min_p": 0.01},
}  # fmt: skip
"""At 0.8 it slips now and then, so that there is something to mend; at 1.0 in a tenth of its steps, at 0.6 never.

It goes by what most of three peers hold. Of many paths, those that are least like a reader are wrong or elsewhere.
"""
_CONTEXT = 8192
"""Room for the budget and for the most that LeaP blocks may add, so that the budget counts a path's own tokens alone.

No path gets near it: training has seen some 1,400 positions.
"""
_COUNTDOWN = ", and Countdown with three or four numbers up to 12 and a target up to 999"
_CARD = """\
---
license: apache-2.0
---
# The miniature

A Llama of {parameters:.1f} million parameters ({layers} layers, width {width}, {vocabulary} tokens), trained from
nothing by `peerleap train miniature` on traces that programs wrote: {tokens:.1f} million tokens, seed {seed}. It
answers chain sums of 2 to 14 terms of up to three digits whose running values stay between 0 and 999{countdown}, in
the wordings that `engine/shipped/miniature.py` recognises, and nothing else.

It reasons inside `<think>` and {blocks}. How well it does both is in
`docs/results/miniature.md`. Licence: Apache-2.0; no text of others was used.

| file | SHA-256 |
|---|---|
{hashes}
"""


def export(checkpoint: Path, target: Path, seed: int = 0, *, countdown: bool = False, lone: bool = False) -> Path:
    """Write the model folder of a checkpoint.

    Args:
        checkpoint: `checkpoint.pt` of the training loop.
        target: The folder to write; one that exists is replaced.
        seed: The run's, for the model card.
        countdown: Whether it was trained on Countdown, for the card.
        lone: Whether it has never seen a LeaP block, for the card.

    Returns:
        The folder.
    """
    from safetensors.torch import save_file

    state = torch.load(checkpoint, weights_only=True)
    shape = replace(Shape(**state["shape"]), context=_CONTEXT)
    tokenizer = build_tokenizer()
    end, pad = tokenizer.token_to_id(END), tokenizer.token_to_id(PAD)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        folder = Path(scratch) / "whole"
        folder.mkdir()
        save_file(tensors(state["model"]), folder / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save(str(folder / "tokenizer.json"))
        _json(folder / "config.json", config(shape, end, pad))
        _json(folder / "generation_config.json", {"eos_token_id": end, "pad_token_id": pad})
        _json(folder / "tokenizer_config.json", tokenizer_config(shape))
        _json(folder / SETTINGS_FILE, _SETTINGS)
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
        hashes = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in digests.items())
        parameters = sum(weight.numel() for weight in state["model"].values()) / 1e6
        card = _CARD.format(
            parameters=parameters, layers=shape.layers, width=shape.width, vocabulary=shape.vocabulary,
            tokens=(state["earlier"] + state["tokens"]) / 1e6,
            countdown=_COUNTDOWN if countdown else "", seed=seed, hashes=hashes,
            blocks="has never seen a LeaP block" if lone else "reads LeaP blocks as the paper's LeaP-T models do",
        )  # fmt: skip
        (folder / "README.md").write_text(card)
        (folder / "model.safetensors").chmod(0o644)
        if target.exists():
            shutil.rmtree(target)
        folder.replace(target)
    return target


def tokenizer_config(shape: Shape) -> dict[str, Any]:
    """`tokenizer_config.json`."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": shape.context, "eos_token": END,
        "pad_token": PAD, "extra_special_tokens": [START], "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }  # fmt: skip


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
