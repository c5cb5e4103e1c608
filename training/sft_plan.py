"""What a fine-tuning is going to do, checked before any weight is read."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from peerleap.engine import Model, resolve_model, vocabulary_hash
from peerleap.training.recipes import Recipe
from peerleap.training.row_file import RowsError, RowsHeader, read_rows
from peerleap.training.rows import Row


@dataclass(frozen=True)
class SftPlan:
    """One fine-tuning: rows, the model, and how. Made by `sft_plan`, which refuses what cannot be run."""

    source: Path
    header: RowsHeader
    rows: list[Row]
    model: str
    """Name of the model, or of the recipe where only its architecture is at hand."""
    folder: str | None
    """Where its weights are: a folder, or a hub id; `None` where only its architecture is at hand."""
    config: Any
    """Its `transformers` configuration."""
    tokenizer: Any
    """`None` where only the architecture is at hand."""
    recipe: Recipe
    out: Path
    comments: bool = False
    """Whether comments are trained, too, as in the authors' code."""
    seed: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all rows, read and trained, in one epoch."""
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def trained(self) -> int:
        """Tokens that are trained in one epoch."""
        return sum(row.trained(comments=self.comments) for row in self.rows)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.input_ids) for row in self.rows)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run; the last batch may hold fewer rows."""
        return -(-len(self.rows) * self.recipe.epochs // self.recipe.batch)

    def fingerprint(self) -> dict[str, Any]:
        """What decides the result: a run that was stopped goes on only where all of this is the same."""
        recipe = asdict(replace(self.recipe, architecture={}))
        digest = hashlib.sha256()
        for row in self.rows:
            digest.update(json.dumps([row.input_ids, row.labels(comments=self.comments)]).encode())
        found = {"rows": digest.hexdigest(), "model": self.model, "recipe": recipe, "comments": self.comments}
        same: dict[str, Any] = json.loads(json.dumps({**found, "seed": self.seed}))
        return same


def sft_plan(
    source: str | Path,
    model: str | None,
    recipe: Recipe,
    out: str | Path,
    *,
    comments: bool = False,
    seed: int = 0,
) -> SftPlan:
    """Read the rows, look at the model's configuration and tokenizer, and check that they fit together.

    Args:
        source: a file of rows.
        model: hub id or folder; `None` takes the architecture of the recipe, which is enough for an estimate.
        recipe: the hyperparameters.
        out: the folder of the run.
        comments: train the comments, too.
        seed: decides the order of the rows, and the first weights of adapters.

    Raises:
        RowsError: the rows are damaged, too long, train nothing, or are of another vocabulary.
        ModelError: there is no such model.
    """
    header, rows = read_rows(source)
    _check_rows(source, rows, recipe, comments)
    if Path(out).exists() and not Path(out).is_dir():
        raise RowsError(f"--out {str(out)!r}: this is a file; give the name of a folder")
    found = None if model is None else resolve_model(model)
    config, tokenizer = _described(found, recipe)
    plan = SftPlan(
        Path(source), header, rows, recipe.name if found is None else found.name, None if found is None else found.path,
        config, tokenizer, recipe, Path(out), comments, seed,
    )  # fmt: skip
    _check_model(plan, found)
    return plan


def _check_rows(source: str | Path, rows: Sequence[Row], recipe: Recipe, comments: bool) -> None:
    for number, row in enumerate(rows, start=2):
        if not row.trained(comments=comments):
            raise RowsError(f"{source}:{number}: no token of the row is trained; look at it with `peerleap train show`")
        if len(row.input_ids) > recipe.max_length:
            raise RowsError(
                f"{source}:{number}: the row has {len(row.input_ids)} tokens, but max_length={recipe.max_length}: "
                "select again with a lower --max-tokens, or give a higher --max-length"
            )


def _described(found: Model | None, recipe: Recipe) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoTokenizer

    if found is None:
        fields = dict(recipe.architecture)
        return AutoConfig.for_model(fields.pop("model_type"), **fields), None
    if found.quantization is not None:
        raise RowsError(f"model={found.name!r} is quantized as {found.quantization!r}: give one with its full weights")
    return AutoConfig.from_pretrained(found.path), AutoTokenizer.from_pretrained(found.path)


def _check_model(plan: SftPlan, found: Model | None) -> None:
    if plan.tokenizer is not None and vocabulary_hash(plan.tokenizer) != plan.header.vocabulary:
        raise RowsError(
            f"{str(plan.source)!r} holds ids of the vocabulary of {plan.header.model!r}; {plan.model!r} has another "
            "one: make the traces with a model that shares its tokenizer"
        )
    text = plan.config.get_text_config()
    highest = max(max(row.input_ids) for row in plan.rows)
    if highest >= text.vocab_size:
        raise RowsError(
            f"{str(plan.source)!r} holds the id {highest}, but {plan.model!r} knows {text.vocab_size} tokens"
        )
    context = found.context_length if found is not None else text.max_position_embeddings
    if plan.longest > context:
        raise RowsError(
            f"{str(plan.source)!r} has a row of {plan.longest} tokens, but {plan.model!r} reads {context} at most: "
            f"select again with --max-tokens {context}"
        )
