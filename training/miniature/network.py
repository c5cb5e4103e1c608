"""The miniature's network: a Llama in plain torch, and its weights under the names that vLLM reads."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ROPE_BASE = 100_000.0
"""Of the rotary positions: a higher base leaves more of a head's 32 numbers to find far texts by what they say."""
_PARTS = 4
"""Of the queries; those of a part see the same keys, and no later ones are computed."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    vocabulary: int
    width: int = 128
    layers: int = 6
    heads: int = 4
    hidden: int = 384
    context: int = 2048

    @property
    def head(self) -> int:
        """Size of an attention head; vLLM's CPU kernels take 32, 64, ..."""
        return self.width // self.heads


class Llama(nn.Module):
    """RMSNorm, rotary positions, SwiGLU, tied embeddings; one parameter holds the same matrix of all layers."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        generator = torch.Generator().manual_seed(seed)
        n, d, h = shape.layers, shape.width, shape.hidden

        def normal(*size: int, std: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*size, generator=generator) * std)

        self.embed = normal(shape.vocabulary, d, std=0.05)
        self.qkv = normal(n, 3, d, d, std=0.7 / math.sqrt(d))
        self.out = normal(n, d, d, std=0.3 / math.sqrt(d))
        self.gate_up = normal(n, 2, h, d, std=0.7 / math.sqrt(d))
        self.down = normal(n, d, h, std=0.3 / math.sqrt(h))
        self.norms = nn.Parameter(torch.ones(n, 2, d))
        self.last_norm = nn.Parameter(torch.ones(d))
        frequencies = ROPE_BASE ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.outer(torch.arange(shape.context).float(), frequencies)
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1), persistent=False)
        self.register_buffer("sin", torch.cat([-angles.sin(), angles.sin()], -1), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Last hidden states [batch, length, width] of ids [batch, length]."""
        size, (batch, length), d = self.shape, ids.shape, self.shape.width
        cos, sin = self.cos[:length], self.sin[:length]
        x = functional.embedding(ids, self.embed)
        for layer in range(size.layers):
            y = functional.rms_norm(x, (d,), self.norms[layer, 0], 1e-6)
            y = functional.linear(y, self.qkv[layer].view(3 * d, d)).view(batch, length, 3, size.heads, size.head)
            q, k, v = y.permute(2, 0, 3, 1, 4)
            q, k = (a * cos + a.roll(size.head // 2, -1) * sin for a in (q, k))
            y = _attention(q, k, v)
            x = x + functional.linear(y.transpose(1, 2).reshape(batch, length, d), self.out[layer])
            y = functional.rms_norm(x, (d,), self.norms[layer, 1], 1e-6)
            gate, up = functional.linear(y, self.gate_up[layer].view(2 * size.hidden, d)).chunk(2, -1)
            x = x + functional.linear(functional.silu(gate) * up, self.down[layer])
        return functional.rms_norm(x, (d,), self.last_norm, 1e-6)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token for hidden states [..., width]."""
        return functional.linear(hidden, self.embed)


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention [batch, heads, length, head size], a quarter of the queries at a time.

    In bfloat16 on a CPU it takes half the time of torch's own kernel: a training step takes two thirds.
    """
    length = q.shape[-2]
    part = -(-length // _PARTS)
    scaled, keys = q * q.shape[-1] ** -0.5, k.transpose(-1, -2)
    parts = []
    for start in range(0, length, part):
        end = min(start + part, length)
        scores = scaled[..., start:end, :] @ keys[..., :end]
        later = torch.full((end - start, end), -torch.inf, dtype=scores.dtype).triu(1 + start)
        parts.append((scores + later).softmax(-1) @ v[..., :end, :])
    return torch.cat(parts, -2)


def tensors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by their Hugging Face names, bfloat16."""
    named = {"model.embed_tokens.weight": weights["embed"], "model.norm.weight": weights["last_norm"]}
    for i in range(len(weights["qkv"])):
        layer = f"model.layers.{i}"
        for j, name in enumerate("qkv"):
            named[f"{layer}.self_attn.{name}_proj.weight"] = weights["qkv"][i, j]
        named[f"{layer}.self_attn.o_proj.weight"] = weights["out"][i]
        for j, name in enumerate(("gate", "up")):
            named[f"{layer}.mlp.{name}_proj.weight"] = weights["gate_up"][i, j]
        named[f"{layer}.mlp.down_proj.weight"] = weights["down"][i]
        named[f"{layer}.input_layernorm.weight"] = weights["norms"][i, 0]
        named[f"{layer}.post_attention_layernorm.weight"] = weights["norms"][i, 1]
    return {name: tensor.detach().to(torch.bfloat16).contiguous().clone() for name, tensor in named.items()}


def config(shape: Shape, end: int, pad: int) -> dict[str, Any]:
    """`config.json` of the network."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocabulary,
        "hidden_size": shape.width, "intermediate_size": shape.hidden, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads, "head_dim": shape.head,
        "max_position_embeddings": shape.context, "rms_norm_eps": 1e-6, "rope_theta": ROPE_BASE, "hidden_act": "silu",
        "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "dtype": "bfloat16",
        "bos_token_id": None, "eos_token_id": end, "pad_token_id": pad,
    }  # fmt: skip


def shape_of(folder: Path) -> Shape:
    """The shape that a checkpoint's folder was trained with."""
    return Shape(**json.loads((folder / "shape.json").read_text()))


def shape_text(shape: Shape) -> str:
    """`shape.json` of a checkpoint."""
    return json.dumps(asdict(shape))
