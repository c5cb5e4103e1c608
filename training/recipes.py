"""The paper's hyperparameters (table 8), one recipe for each size of DeepSeek-R1-Distill-Qwen, and LoRA's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from peerleap.training.row_file import RowsError


@dataclass(frozen=True, slots=True)
class Lora:
    """Low-rank adapters on every linear layer but the output: the paper trains all weights, this is ours."""

    rank: int = 16
    """vLLM serves ranks up to 16 by itself; for a higher one give it `max_lora_rank`."""
    alpha: int = 32
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyperparameters of a run."""

    name: str
    epochs: int
    learning_rate: float = 1e-5
    batch: int = 16
    """Rows of one optimizer step, over all devices."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises; from there on it falls as a cosine."""
    weight_decay: float = 1e-4
    max_length: int = 16_384
    """Most tokens of a row. A longer one is refused, never cut."""
    lora: Lora | None = None
    architecture: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The model's configuration, for `--dry-run` where the model itself is not at hand."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "max_length"):
            if getattr(self, name) < 1:
                raise RowsError(f"{name}={getattr(self, name)!r}: at least 1 is needed")
        if not 0 < self.learning_rate < 1:
            raise RowsError(f"learning_rate={self.learning_rate!r}: give a number such as 1e-5")
        if self.lora is not None and self.lora.rank < 1:
            raise RowsError(f"lora_rank={self.lora.rank!r}: at least 1 is needed")

    def over(self, **own: Any) -> "Recipe":
        """The recipe with a user's own values where they are not `None`."""
        return replace(self, **{name: value for name, value in own.items() if value is not None})

    def with_lora(self, rank: int | None = None) -> "Recipe":
        """The recipe for adapters, which need a ten times higher learning rate than all weights."""
        return replace(
            self, lora=Lora() if rank is None else Lora(rank, 2 * rank), learning_rate=10 * self.learning_rate
        )


def _qwen2(hidden: int, layers: int, heads: int, kv_heads: int, inner: int, vocabulary: int, **more: Any) -> Any:
    fields = {
        "model_type": "qwen2",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
        "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": False,
        "dtype": "bfloat16",
    }
    return MappingProxyType({**fields, **more})


RECIPES: dict[str, Recipe] = {
    "1.5b": Recipe("1.5b", epochs=8, architecture=_qwen2(1536, 28, 12, 2, 8960, 151_936)),
    "7b": Recipe("7b", epochs=8, architecture=_qwen2(3584, 28, 28, 4, 18_944, 152_064)),
    "14b": Recipe(
        "14b",
        epochs=5,
        architecture=_qwen2(5120, 48, 40, 8, 13_824, 152_064, rms_norm_eps=1e-5, rope_theta=1_000_000.0),
    ),
}
"""By the size of DeepSeek-R1-Distill-Qwen that the paper trains."""


@dataclass(frozen=True, slots=True)
class SftOptions:
    """A user's own choices; what is `None` is as in the recipe."""

    recipe: str | None = None
    """Name of a recipe; by the size of the model where it is `None`."""
    lora: bool = False
    lora_rank: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    batch: int | None = None
    max_length: int | None = None
    comments: bool = False
    """Train the comments, too, as the authors' code does."""
    seed: int = 0
    """Decides the order of the rows, and the first weights of adapters."""

    def resolve(self, parameters: int | None = None) -> Recipe:
        """The hyperparameters for a model of so many parameters.

        Raises:
            RowsError: there is no such recipe, or a value is out of range.
        """
        recipe = recipe_for(self.recipe, parameters)
        recipe = recipe.with_lora(self.lora_rank) if self.lora else recipe
        return recipe.over(
            epochs=self.epochs, learning_rate=self.learning_rate, batch=self.batch, max_length=self.max_length
        )


def recipe_for(name: str | None, parameters: int | None = None) -> Recipe:
    """A recipe by its name, or the one of the paper's model that is nearest in size.

    Raises:
        RowsError: there is no such recipe.
    """
    if name is None:
        size = 0 if parameters is None else parameters
        return RECIPES["1.5b" if size < 4e9 else "7b" if size < 11e9 else "14b"]
    if name.lower() not in RECIPES:
        raise RowsError(f"recipe={name!r}: none of {', '.join(RECIPES)}")
    return RECIPES[name.lower()]


def shrunk(architecture: Mapping[str, Any], vocabulary: int) -> dict[str, Any]:
    """The same architecture with two layers, heads of 8 numbers and another vocabulary: a model for a test.

    Heads, groups of heads, biases, untied embeddings and the rotary base stay as they are.
    """
    heads = architecture["num_attention_heads"]
    inner = architecture["intermediate_size"] * 8 * heads // architecture["hidden_size"]
    return {
        **architecture,
        "num_hidden_layers": 2,
        "hidden_size": 8 * heads,
        "intermediate_size": inner,
        "vocab_size": vocabulary,
    }
