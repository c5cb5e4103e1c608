"""`peerleap train synthesize`, `select`, `show`: traces, the rows that are made from them, and a look at these."""

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

TraceModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model that wrote the traces; its tokenizer is used.",
        show_default="as recorded in the file",
    ),
]
Comments = Annotated[
    bool, typer.Option("--train-on-comments", help="Also train on peers' comments, as the authors' code does.")
]


def synthesize(
    questions: Annotated[str, typer.Argument(help="Training questions: any data set that `peerleap eval` takes.")],
    *,
    method: Annotated[str, typer.Option(help="leap, or independent for a control set.")] = "leap",
    paths: Annotated[
        int | None, typer.Option("--paths", "-n", help="Number of paths per question.", show_default="4")
    ] = None,
    tools: Annotated[
        list[str] | None, typer.Option(help="Tools that every path may call, as in `peerleap eval`.", metavar="NAMES")
    ] = None,
    team: TeamFile = None,
    runs: Annotated[int, typer.Option(help="Number of runs per question.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first run.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Maximum number of questions.", show_default="all")] = None,
    data_seed: Annotated[int | None, typer.Option(help="Seed of generated questions.")] = None,
    in_flight: Annotated[
        int | None, typer.Option(help="Maximum number of questions at once.", show_default="as in `peerleap eval`")
    ] = None,
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
        from peerleap.training import outlook, trace_plan

        settings = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens, preset=preset, temperature=temperature,
            sampling=sampling,
        )  # fmt: skip
        arguments = engine_arguments(engine_arg)
        peers = team_from(team, tools, paths)
        plan = trace_plan(
            questions, method=method, paths=4 if paths is None else paths, settings=settings, runs=runs, seed=seed,
            limit=limit, data_seed=data_seed, in_flight=in_flight,
            team=None if peers is None else with_engines(peers, model, arguments),
        )  # fmt: skip
        failed = run_plan(plan, model, arguments, out, None, None)
        print(outlook(out))
    if failed:
        raise typer.Exit(FAILED)


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
    model: TraceModel = None,
) -> None:
    """Select the paths that are worth learning from, and report why the others were dropped."""
    with usage_errors():
        from peerleap.cli.display import check_apart, check_target, show_selection
        from peerleap.evals import read_records
        from peerleap.training import Rules, load_tokenizer, read_rows, write_rows
        from peerleap.training import select as selected

        check_target(out, "--out")
        check_apart({"--out": out}, [traces, match])
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


def show(
    rows: Annotated[Path, typer.Argument(help="A file that `select` wrote.")],
    *,
    row: Annotated[int, typer.Option(help="Number of the first row; 1 is the first in the file.")] = 1,
    count: Annotated[int, typer.Option("--count", "-n", help="Number of rows to show.")] = 1,
    train_on_comments: Comments = False,
    model: TraceModel = None,
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
