"""What a fine-tuning is going to do, checked before any weight is read."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peerleap.engine import Model, resolve_model, vocabulary_hash
from peerleap.evals import MissingExtra
from peerleap.training.architecture import parameters
from peerleap.training.recipes import Recipe, SftOptions
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


def sft_plan(source: str | Path, model: str | None, options: SftOptions, out: str | Path) -> SftPlan:
    """Read the rows, look at the model's configuration and tokenizer, and check that they fit together.

    Args:
        source: a file of rows.
        model: hub id or folder; `None` takes the architecture of the recipe, which is enough for an estimate.
        options: the hyperparameters, where they are not the recipe's.
        out: the folder of the run.

    Raises:
        RowsError: the rows are damaged, too long, train nothing, or are of another vocabulary.
        ModelError: there is no such model.
    """
    named = options.resolve()  # a value that cannot be used is refused before anything is read
    header, rows = read_rows(source)
    for number, row in enumerate(rows, start=2):
        if not row.trained(comments=options.comments):
            raise RowsError(f"{source}:{number}: no token of the row is trained; look at it with `peerleap train show`")
    if Path(out).exists() and not Path(out).is_dir():
        raise RowsError(f"--out {str(out)!r}: this is a file; give the name of a folder")
    from transformers import AutoConfig

    if model is None:
        fields = dict(named.architecture)
        found, config, tokenizer = None, AutoConfig.for_model(fields.pop("model_type"), **fields), None
    else:
        found = resolve_model(model)
        if found.quantization is not None:
            raise RowsError(f"model={model!r} is quantized as {found.quantization!r}: give one with its full weights")
        config, tokenizer = AutoConfig.from_pretrained(found.path), load_tokenizer(model)
    recipe = options.resolve(parameters(config)[0])
    for number, row in enumerate(rows, start=2):
        if len(row.input_ids) > recipe.max_length:
            raise RowsError(
                f"{source}:{number}: the row has {len(row.input_ids)} tokens, but max_length={recipe.max_length}: "
                "select again with a lower --max-tokens, or give a higher --max-length"
            )
    plan = SftPlan(
        Path(source), header, rows, recipe.name if found is None else found.name, None if found is None else found.path,
        config, tokenizer, recipe, Path(out), options.comments, options.seed,
    )  # fmt: skip
    _check_model(plan, found)
    return plan


def load_tokenizer(model: str) -> Any:
    """The tokenizer of a model, by its hub id or folder.

    Raises:
        ModelError: there is no such model.
    """
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_model(model).path)


def need_packages() -> None:
    """Say before anything is read that a package is missing.

    Raises:
        MissingExtra: the message is the command that installs it.
    """
    for package in ("trl", "peft", "datasets", "accelerate", "matplotlib"):
        if find_spec(package) is None:
            raise MissingExtra(package, "train")


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
