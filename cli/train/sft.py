"""`peerleap train sft`: fine-tuning on rows (LeaP-T)."""

from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import usage_errors
from peerleap.cli.train.traces import Comments

_BY_RECIPE = "by the recipe"


def sft(
    rows: Annotated[Path, typer.Argument(help="A file that `select` wrote.")],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model to train: hub id or folder.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")] = Path("leap-t"),
    recipe: Annotated[
        str | None,
        typer.Option(help="Hyperparameters: 1.5b, 7b or 14b (paper, table 8).", show_default="by the model's size"),
    ] = None,
    lora: Annotated[bool, typer.Option("--lora", help="Train adapters instead of all weights.")] = False,
    lora_rank: Annotated[int | None, typer.Option(help="Rank of the adapters.", show_default="16")] = None,
    epochs: Annotated[int | None, typer.Option(help="Number of passes over the rows.", show_default=_BY_RECIPE)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.", show_default=_BY_RECIPE)] = None,
    batch: Annotated[int | None, typer.Option(help="Rows per optimizer step.", show_default=_BY_RECIPE)] = None,
    device_batch: Annotated[
        int | None, typer.Option(help="Rows at once on a device.", show_default="as many as fit")
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="Maximum length of a row in tokens; a longer row is an error.", show_default=_BY_RECIPE),
    ] = None,
    train_on_comments: Comments = False,
    seed: Annotated[
        int, typer.Option(help="Seed of the order of the rows.", min=0, max=2**32 - 1, metavar="INTEGER")
    ] = 0,
    save_minutes: Annotated[
        float, typer.Option(help="Minutes between two saved states, from which training can continue.")
    ] = 15,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate memory, time and disk space on this machine.")
    ] = False,
    question: Annotated[str | None, typer.Option(help="Question to try the trained model on.")] = None,
    no_trial: Annotated[bool, typer.Option("--no-trial", help="Do not try the trained model.")] = False,
) -> None:
    """Fine-tune a model on rows; after a stop or a crash, the same command continues."""
    with usage_errors():
        from peerleap.cli.train.sft_run import run_sft
        from peerleap.training import SftOptions

        options = SftOptions(
            recipe=recipe, lora=lora or lora_rank is not None, lora_rank=lora_rank, epochs=epochs,
            learning_rate=learning_rate, batch=batch, max_length=max_length, comments=train_on_comments, seed=seed,
        )  # fmt: skip
        run_sft(
            rows, model, out, options, device_batch=device_batch, save_minutes=save_minutes, dry_run=dry_run,
            question=None if no_trial else question or "",
        )  # fmt: skip
