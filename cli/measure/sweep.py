"""`peerleap sweep`: the options of a sweep, checked."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.options import (
    BlockAs,
    CommunicateAt,
    EngineArg,
    Interval,
    MaxTokens,
    Model,
    Preset,
    Rounds,
    Router,
    Sampling,
    Server,
    SummaryTokens,
    Temperature,
    Thinking,
    TopK,
    engine_arguments,
    one_of,
    run_option,
    server_urls,
    settings_from,
)

_OUT = "The output"

_EPILOG = """
[bold]Examples[/bold]

How often to talk (section 5.1.1 of the paper), how many peers to hear (5.1.2), when to talk once (5.1.4):
    peerleap sweep aime2024 --model MODEL --over interval=2048,3072,4096,6144 --out by-interval
    peerleap sweep aime2024 --model MODEL --over top_k=1,2,4,8,16 --paths 32 --out by-top-k
    peerleap sweep aime2024 --model MODEL --over communicate_at=2048,4096,8192 --out by-place

A curve of temperatures for each number of paths; the first axis is the horizontal one:
    peerleap sweep questions.jsonl --over temperature=0.4,0.8,1.2 --over paths=2,4 --out grid

Every cell is a results file, so any two can be compared:
    peerleap compare by-top-k/independent.jsonl by-top-k/top_k=4.jsonl

[bold]Exit codes[/bold]: 0 done; 1 the engine failed, or questions failed twice; 2 bad input; 130 Ctrl-C.
"""


def sweep(
    task: Annotated[str, typer.Argument(help="A data set, as in `peerleap eval`.")],
    *,
    over: Annotated[
        list[str],
        typer.Option(
            help="A setting and its values: interval, top_k, temperature, communicate_at or paths; repeatable, for "
            "every combination.",
            metavar="NAME=A,B,C",
        ),
    ],
    method: Annotated[
        str,
        run_option(help="leap, or another method of `peerleap eval`.", autocompletion=one_of("leap", "leap_s")),
    ] = "leap",
    paths: Annotated[
        int | None, run_option("--paths", "-n", help="Number of paths of each question.", show_default="4")
    ] = None,
    option: Annotated[
        list[str] | None,
        run_option(help="A parameter of the method, such as peers=8; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    runs: Annotated[int, run_option(help="Number of independent runs of each cell, each with its own seed.")] = 1,
    seed: Annotated[int, run_option(help="Seed of the first run; all cells have the same seeds.")] = 0,
    limit: Annotated[int | None, run_option(help="Maximum number of questions.", show_default="all")] = None,
    data_seed: Annotated[
        int | None, run_option(help="Seed of generated questions and of the order of options.")
    ] = None,
    baseline: Annotated[
        bool, run_option("--baseline/--no-baseline", help="Also run independent paths, once for all cells.")
    ] = True,
    in_flight: Annotated[
        int | None, run_option(help="Maximum number of questions at once.", show_default="as in `peerleap eval`")
    ] = None,
    grader: Annotated[str, run_option(help="As in `peerleap eval`.")] = "peerleap",
    keep_ids: Annotated[
        bool, typer.Option(help="Keep token ids and comments of every path in the results.", rich_help_panel=_OUT)
    ] = False,
    router: Router = None,
    interval: Interval = None,
    top_k: TopK = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    block_as: BlockAs = None,
    temperature: Temperature = None,
    sampling: Sampling = None,
    preset: Preset = None,
    model: Model = None,
    server: Server = None,
    thinking: Thinking = None,
    engine_arg: EngineArg = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the results.", show_default="TASK-by-NAME", rich_help_panel=_OUT),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot/--no-plot", help="Draw sweep.png into the folder.", rich_help_panel=_OUT)
    ] = True,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the table of results only.", rich_help_panel=_OUT)
    ] = False,
) -> None:
    """Run a method at several values of a setting, in one engine; after a stop, the same command continues.

    The folder has a results file a cell, `sweep.md` with the table, and `sweep.png` with the curves.
    """
    with usage_errors():
        from peerleap.cli.eval import method_parameters, short_name
        from peerleap.cli.measure.sweep_run import run_sweep
        from peerleap.evals import GraderBroken, MethodConfig, Plan, load, parse_axis, sweep_cells
        from peerleap.evals.methods import PATHS, method_options

        axes = [parse_axis(text) for text in over]
        if paths is not None and any(axis.name == "paths" for axis in axes):
            raise ValueError(f"--over paths: leave out --paths {paths}")
        settings = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens, block_as=block_as, thinking=thinking, preset=preset,
            temperature=temperature, sampling=sampling,
        )  # fmt: skip
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        folder = out or Path(f"{short_name(task)}-by-{'-'.join(axis.name for axis in axes)}")
        try:
            config = MethodConfig(
                paths=PATHS.get(method, 4) if paths is None else paths,
                settings=settings,
                options=method_options(method, method_parameters(option)),
            )
            base = Plan(
                task, load(task, limit=limit, seed=data_seed), method, config, runs=runs, seed=seed,
                in_flight=in_flight, servers=len(servers.split(",")) if servers else 0, grader=grader,
                keep_ids=keep_ids,
            )  # fmt: skip
            cells = sweep_cells(base, axes, baseline=baseline)
            failed = run_sweep(cells, axes[0], model, arguments, folder, server=servers, plot=plot, quiet=quiet)
        except GraderBroken as error:
            print(f"peerleap: {error}; finished questions are stored", file=sys.stderr)
            raise typer.Exit(FAILED) from error
    if failed:
        raise typer.Exit(FAILED)


sweep.__doc__ = f"{sweep.__doc__}\n{_EPILOG}"
