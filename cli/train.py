"""`peerleap train`: makes traces, selects rows, shows them and fine-tunes on them (LeaP-T)."""

from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.eval_run import team_from
from peerleap.cli.options import (
    CommunicateAt,
    EngineArg,
    Interval,
    MaxTokens,
    Model,
    Preset,
    Rounds,
    Router,
    Sampling,
    SummaryTokens,
    TeamFile,
    Temperature,
    TopK,
    engine_arguments,
    settings_from,
)
from peerleap.cli.train_miniature import miniature

_HELP = """Train a model to listen to its peers (the paper's LeaP-T).

[bold]Four steps[/bold]; each writes a file that the next one reads:
    peerleap train synthesize questions.jsonl --model MODEL --out traces.jsonl
    peerleap train select traces.jsonl --out rows.jsonl
    peerleap train show rows.jsonl
    peerleap train sft rows.jsonl --model MODEL --out run --dry-run

[bold]The paper in miniature[/bold]: a small model, trained from scratch on this machine:
    peerleap train miniature --out miniature
"""

train = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=_HELP)
train.command()(miniature)

_TraceModel = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Model that wrote the traces; its tokenizer is used. Default: as recorded in the file."
    ),
]
_Comments = Annotated[
    bool, typer.Option("--train-on-comments", help="Also train on peers' comments, as the authors' code does.")
]


@train.command()
def synthesize(
    questions: Annotated[str, typer.Argument(help="Training questions: any data set that `peerleap eval` takes.")],
    *,
    method: Annotated[str, typer.Option(help="leap, or independent for a control set.")] = "leap",
    paths: Annotated[
        int | None, typer.Option("--paths", "-n", help="Number of paths per question.", show_default="4")
    ] = None,
    tools: Annotated[
        list[str] | None, typer.Option(help="Tools that every path may call, as in `peerleap eval`.")
    ] = None,
    team: TeamFile = None,
    runs: Annotated[int, typer.Option(help="Number of runs per question.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first run.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Maximum number of questions.")] = None,
    data_seed: Annotated[int | None, typer.Option(help="Seed of generated questions.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="Maximum number of questions at once.")] = None,
    router: Router = None,
    interval: Interval = None,
    top_k: TopK = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    temperature: Temperature = None,
    sampling: Sampling = None,
    preset: Preset = None,
    model: Model = None,
    engine_arg: EngineArg = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the traces.")] = Path("traces.jsonl"),
) -> None:
    """Run a model on training questions; after a stop or a crash, the same command continues."""
    with usage_errors():
        from peerleap.cli.eval_run import run_plan, with_engines
        from peerleap.evals import MissingExtra
        from peerleap.training import outlook, trace_plan

        settings = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens, preset=preset, temperature=temperature,
            sampling=sampling,
        )  # fmt: skip
        arguments = engine_arguments(engine_arg)
        peers = team_from(team, tools, paths)
        try:
            plan = trace_plan(
                questions, method=method, paths=4 if paths is None else paths, settings=settings, runs=runs, seed=seed,
                limit=limit, data_seed=data_seed, in_flight=in_flight,
                team=None if peers is None else with_engines(peers, model, arguments),
            )  # fmt: skip
            failed = run_plan(plan, model, arguments, out, None, None)
        except (MissingExtra, OSError) as error:
            raise ValueError(str(error)) from error
        print(outlook(out))
    if failed:
        raise typer.Exit(FAILED)


@train.command()
def select(
    traces: Annotated[Path, typer.Argument(help="A file that `synthesize` wrote.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the rows.")] = Path("rows.jsonl"),
    max_tokens: Annotated[
        int, typer.Option(help="Maximum length of a row in tokens; longer rows are dropped.")
    ] = 16_384,
    summary_tokens: Annotated[
        int, typer.Option(help="Drop rows in which a summary has this many tokens or more.")
    ] = 256,
    per_question: Annotated[int, typer.Option(help="Maximum number of rows per question.")] = 4,
    min_blocks: Annotated[int, typer.Option(help="Minimum number of LeaP blocks in a row.")] = 0,
    forced: Annotated[bool, typer.Option("--forced", help="Include paths that were forced to answer.")] = False,
    match: Annotated[
        Path | None, typer.Option(help="Select as many trained tokens as these rows have, for a control set.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice among a question's rows.")] = 0,
    model: _TraceModel = None,
) -> None:
    """Select the paths that are worth learning from, and report why the others were dropped."""
    with usage_errors():
        from peerleap.cli.display import show_selection
        from peerleap.evals import read_records
        from peerleap.training import Rules, load_tokenizer, read_rows, write_rows
        from peerleap.training import select as selected

        try:
            rules = Rules(
                max_tokens=max_tokens, summary_tokens=summary_tokens, per_question=per_question, forced=forced,
                min_blocks=min_blocks, seed=seed,
            )  # fmt: skip
            tokens = None if match is None else sum(row.trained() for row in read_rows(match)[1])
            name = model or read_records(traces, texts=False)[0].config["model"]
            chosen = selected(traces, load_tokenizer(name), rules, match=tokens)
        except OSError as error:
            raise ValueError(f"{str(traces)!r} cannot be read: {error.strerror}") from error
        write_rows(out, chosen.header, chosen.rows)
        show_selection(chosen, out, tokens)


@train.command()
def show(
    rows: Annotated[Path, typer.Argument(help="A file that `select` wrote.")],
    *,
    row: Annotated[int, typer.Option(help="Number of the first row; 1 is the first in the file.")] = 1,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of rows to show.")] = 1,
    train_on_comments: _Comments = False,
    model: _TraceModel = None,
) -> None:
    """Show rows: trained tokens in one colour, context in another."""
    with usage_errors():
        from peerleap.cli.display import show_rows
        from peerleap.training import load_tokenizer, read_rows

        header, found = read_rows(rows)
        if not 1 <= row <= len(found) or count < 1:
            raise ValueError(f"--row {row} --count {count}: {str(rows)!r} has the rows 1 to {len(found)}")
        chosen = found[row - 1 : row - 1 + count]
        show_rows(chosen, header, load_tokenizer(model or header.model), comments=train_on_comments)


@train.command()
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
    epochs: Annotated[int | None, typer.Option(help="Number of passes over the rows.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    batch: Annotated[int | None, typer.Option(help="Rows per optimizer step.")] = None,
    device_batch: Annotated[
        int | None, typer.Option(help="Rows at once on a device.", show_default="as many as fit")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Maximum length of a row in tokens; a longer row is an error.")
    ] = None,
    train_on_comments: _Comments = False,
    seed: Annotated[int, typer.Option(help="Seed of the order of the rows.")] = 0,
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
        from peerleap.cli.train_run import run_sft
        from peerleap.evals import MissingExtra
        from peerleap.training import SftOptions

        options = SftOptions(
            recipe=recipe, lora=lora or lora_rank is not None, lora_rank=lora_rank, epochs=epochs,
            learning_rate=learning_rate, batch=batch, max_length=max_length, comments=train_on_comments, seed=seed,
        )  # fmt: skip
        try:
            run_sft(
                rows, model, out, options, device_batch=device_batch, save_minutes=save_minutes, dry_run=dry_run,
                question=None if no_trial else question or "",
            )  # fmt: skip
        except (MissingExtra, OSError) as error:
            raise ValueError(str(error)) from error
