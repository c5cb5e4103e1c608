"""`peerleap train`: traces, their selection, a look at them, and the fine-tuning (LeaP-T)."""

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

[bold]The four steps[/bold], each a file that the next one reads:
    peerleap train synthesize questions.jsonl --model MODEL --out traces.jsonl
    peerleap train select traces.jsonl --out rows.jsonl
    peerleap train show rows.jsonl
    peerleap train sft rows.jsonl --model MODEL --out run --dry-run

[bold]The paper in miniature[/bold], a small model from nothing on this machine:
    peerleap train miniature --out miniature
"""

train = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=_HELP)
train.command()(miniature)

_TraceModel = Annotated[
    str | None,
    typer.Option("--model", "-m", help="The model of the traces, for its tokenizer. Default: as recorded in the file."),
]
_Comments = Annotated[
    bool, typer.Option("--train-on-comments", help="Train what peers wrote, too, as the authors' code does.")
]


@train.command()
def synthesize(
    questions: Annotated[str, typer.Argument(help="Training questions: a data set as `peerleap eval` takes it.")],
    *,
    method: Annotated[str, typer.Option(help="leap; independent for the control set.")] = "leap",
    paths: Annotated[int | None, typer.Option("--paths", "-n", help="Paths of each question; default: 4.")] = None,
    tools: Annotated[
        list[str] | None, typer.Option(help="Tools that every path may call, as in `peerleap eval`.")
    ] = None,
    team: TeamFile = None,
    runs: Annotated[int, typer.Option(help="How often each question is worked on.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first run.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Only so many questions.")] = None,
    data_seed: Annotated[int | None, typer.Option(help="Seed of generated questions.")] = None,
    in_flight: Annotated[int | None, typer.Option(help="Most questions at once.")] = None,
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
    out: Annotated[Path, typer.Option("--out", "-o", help="The traces.")] = Path("traces.jsonl"),
) -> None:
    """Let a model work on training questions; killed or stopped, the same command goes on."""
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
    out: Annotated[Path, typer.Option("--out", "-o", help="The rows.")] = Path("rows.jsonl"),
    max_tokens: Annotated[int, typer.Option(help="Most tokens of a row; longer ones are dropped, never cut.")] = 16_384,
    summary_tokens: Annotated[int, typer.Option(help="Every summary has fewer tokens.")] = 256,
    per_question: Annotated[int, typer.Option(help="Most rows of a question.")] = 4,
    min_blocks: Annotated[int, typer.Option(help="Fewest LeaP blocks of a row.")] = 0,
    forced: Annotated[bool, typer.Option("--forced", help="Include paths that did not answer by themselves.")] = False,
    match: Annotated[
        Path | None, typer.Option(help="As many trained tokens as these rows have: for a control set.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which rows stay where a question has too many.")] = 0,
    model: _TraceModel = None,
) -> None:
    """Choose the paths that are worth learning from, and say why the others are not."""
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
    row: Annotated[int, typer.Option(help="Which row, from 1.")] = 1,
    count: Annotated[int, typer.Option("--count", "-n", help="How many, from there on.")] = 1,
    train_on_comments: _Comments = False,
    model: _TraceModel = None,
) -> None:
    """Show rows, what is trained in one colour and what is only read in another."""
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
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the run.")] = Path("leap-t"),
    recipe: Annotated[
        str | None, typer.Option(help="1.5b, 7b or 14b (paper, table 8); default: by the model's size.")
    ] = None,
    lora: Annotated[bool, typer.Option("--lora", help="Train adapters instead of all weights.")] = False,
    lora_rank: Annotated[int | None, typer.Option(help="Rank of the adapters; default: 16.")] = None,
    epochs: Annotated[int | None, typer.Option(help="How often each row is seen.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its highest value.")] = None,
    batch: Annotated[int | None, typer.Option(help="Rows of an optimizer step.")] = None,
    device_batch: Annotated[int | None, typer.Option(help="Rows at once on a device; default: as many as fit.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Most tokens of a row; longer ones are refused.")] = None,
    train_on_comments: _Comments = False,
    seed: Annotated[int, typer.Option(help="Of the order of the rows.")] = 0,
    save_minutes: Annotated[float, typer.Option(help="How often a state is saved to go on from.")] = 15,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take here: memory, time, disk.")
    ] = False,
    question: Annotated[str | None, typer.Option(help="What the trained model is tried on.")] = None,
    no_trial: Annotated[bool, typer.Option("--no-trial", help="Do not try the trained model.")] = False,
) -> None:
    """Fine-tune a model on rows; killed or stopped, the same command goes on."""
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
