"""`peerleap eval`: the options of an eval, checked."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from peerleap.cli.display import check_apart, check_target, write_questions_page
from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.eval_run import budgets, run_plan, team_from, with_engines
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
    Talk,
    TeamFile,
    Temperature,
    Thinking,
    TopK,
    engine_arguments,
    one_of,
    parse_budget,
    run_option,
    server_urls,
    settings_from,
)

_OUT = "The output"

_EPILOG = """
[bold]Examples[/bold]

LeaP with the paper's settings on AIME 2024, four runs; the same command again continues where it was stopped:
    peerleap eval aime2024 --model deepseek-ai/DeepSeek-R1-Distill-Qwen-7B --paths 32 --runs 4 --out leap.jsonl

The same number of tokens without LeaP, spent on more or on longer paths, and a comparison:
    peerleap eval aime2024 --model ... --method independent --paths 32 --runs 4 --match-tokens leap.jsonl -o ind.jsonl
    peerleap eval aime2024 --model ... --method revise --paths 32 --runs 4 --match-tokens leap.jsonl -o longer.jsonl
    peerleap compare leap.jsonl ind.jsonl longer.jsonl --plot result.png

Paths that may run Python, with and without LeaP:
    peerleap eval aime2024 --tools python --out leap-python.jsonl
    peerleap eval aime2024 --tools python --method independent --match-tokens leap-python.jsonl -o ind-python.jsonl

Generated questions for a small model, or your own file (columns id, question, answer; optional kind, choices):
    peerleap eval gym:chain_sum --limit 100
    peerleap eval questions.jsonl --method rsa --option steps=3

[bold]Exit codes[/bold]: 0 done; 1 the engine failed, or questions failed twice; 2 bad input; 130 Ctrl-C.
"""


def evaluate(
    task: Annotated[
        str, typer.Argument(help="aime2024, gpqa_diamond, ..., gym:<task>, or a .jsonl, .json, .csv or .parquet file.")
    ],
    *,
    method: Annotated[
        str,
        run_option(
            help="leap, leap_s, independent, probe, deepconf, revise, moa or rsa.",
            autocompletion=one_of("leap", "leap_s", "independent", "probe", "deepconf", "revise", "moa", "rsa"),
        ),
    ] = "leap",
    paths: Annotated[
        int | None, run_option("--paths", "-n", help="Number of paths of each question.", show_default="4")
    ] = None,
    tools: Annotated[
        list[str] | None,
        run_option(
            help="Tools that every path may call, separated by commas: python, web_search, read_page.", metavar="NAMES"
        ),
    ] = None,
    team: TeamFile = None,
    runs: Annotated[
        int, run_option(help="Number of independent runs, each with its own seed; comparisons need about 4.")
    ] = 1,
    seed: Annotated[int, run_option(help="Seed of the first run; each further run adds 1.")] = 0,
    limit: Annotated[int | None, run_option(help="Maximum number of questions.", show_default="all")] = None,
    data_seed: Annotated[
        int | None,
        run_option(help="Seed of generated questions and of the order of options."),
    ] = None,
    option: Annotated[
        list[str] | None,
        run_option(help="A parameter of the method, such as layers=4; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    budget: Annotated[
        str | None,
        run_option(
            help="Budget of a question, such as 20000 (generated tokens) or 30s: independent, deepconf and revise "
            "continue until it is spent."
        ),
    ] = None,
    match_tokens: Annotated[
        Path | None,
        run_option(help="Budget: the tokens that these results spent on each question."),
    ] = None,
    match_seconds: Annotated[
        Path | None, run_option(help="Budget: the wall-clock seconds that these results spent on each question.")
    ] = None,
    in_flight: Annotated[
        int | None,
        run_option(
            help="Maximum number of questions at once.",
            show_default="for 32 paths a core on a CPU, 256 on a GPU or server",
        ),
    ] = None,
    grader: Annotated[
        str, run_option(help="peerleap, or leap-official for parity with the authors' code.")
    ] = "peerleap",
    keep_ids: Annotated[
        bool, typer.Option(help="Keep token ids and comments of every path in the results.", rich_help_panel=_OUT)
    ] = False,
    power: Annotated[bool, run_option("--power", help="Only report what difference the design can detect.")] = False,
    router: Router = None,
    talk: Talk = None,
    interval: Interval = None,
    top_k: TopK = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    alumni: Annotated[
        bool | None,
        typer.Option(
            "--alumni/--no-alumni",
            help="Finished paths keep sharing their conclusion.",
            show_default="yes",
            rich_help_panel="LeaP and sampling",
        ),
    ] = None,
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
        typer.Option("--out", "-o", help="Results file.", show_default="TASK-METHOD.jsonl", rich_help_panel=_OUT),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report in Markdown.", rich_help_panel=_OUT)] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write one page: every question with its runs, beside the file of --match-tokens.",
            metavar="FILE",
            rich_help_panel=_OUT,
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the table of results only.", rich_help_panel=_OUT)
    ] = False,
) -> None:
    """Run a method over a data set; after a stop or a crash, the same command continues."""
    with usage_errors():
        from peerleap.evals import GraderBroken, MethodConfig, Plan, Results, load
        from peerleap.evals.methods import PATHS, method_options

        options = method_options(method, method_parameters(option))
        settings = settings_from(
            interval=interval, top_k=top_k, router=router, talk=talk, rounds=rounds, communicate_at=communicate_at,
            alumni=alumni,
            max_tokens=max_tokens, summary_tokens=summary_tokens, block_as=block_as, thinking=thinking, preset=preset,
            temperature=temperature, sampling=sampling,
        )  # fmt: skip
        if method == "moa" and paths is not None:
            raise ValueError(f"--paths {paths}: moa has layers of agents; give --option agents={paths}")
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        peers = team_from(team, tools, paths)
        target = out or Path(f"{short_name(task)}-{method}.jsonl")
        check_target(report, "--report")
        check_target(html, "--html")
        check_apart({"--out": target, "--report": report, "--html": html}, [task, team, match_tokens, match_seconds])
        limits = {"--budget": budget, "--match-tokens": match_tokens, "--match-seconds": match_seconds}
        if len(named := [name for name, value in limits.items() if value is not None]) > 1:
            raise ValueError(f"{' and '.join(named)}: give one of them")
        amount, unit = parse_budget(budget)
        if match_seconds is not None:
            unit = "seconds"
        match = match_tokens or match_seconds
        try:
            problems = load(task, limit=limit, seed=data_seed)
            matched = None if match is None else Results.read(match)
            config = MethodConfig(
                paths=PATHS.get(method, 4) if paths is None else paths,
                settings=settings,
                options=options,
                team=None if peers is None else with_engines(peers, model, arguments, servers),
            )
            plan = Plan(
                task, problems, method, config, runs=runs,
                seed=seed, in_flight=in_flight, servers=len(servers.split(",")) if servers else 0, grader=grader,
                budget=amount, unit=unit, matched=None if matched is None else matched.config_hash,
                budgets={} if matched is None else budgets(matched, [p.id for p in problems], runs, seed, unit),
                keep_ids=keep_ids,
            )  # fmt: skip
            if power:
                typer.echo(plan.sentence())
                return
            failed = run_plan(plan, model, arguments, target, report, matched, server=servers, quiet=quiet)
            if html is not None:
                files = [target] if match is None else [match, target]
                write_questions_page(files, html, {problem.id: problem.text for problem in problems})
        except GraderBroken as error:
            print(f"peerleap: {error}; finished questions are stored", file=sys.stderr)
            raise typer.Exit(FAILED) from error
    if failed:
        raise typer.Exit(FAILED)


def method_parameters(texts: list[str] | None) -> dict[str, int | str]:
    """The parameters of a method from `--option name=value`; raises `ValueError` for anything else."""
    options: dict[str, int | str] = {}
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not sign or not value:
            raise ValueError(f"--option {text!r}: give name=value, such as layers=4")
        options[name] = int(value) if re.fullmatch(r"[0-9]{1,12}", value) else value
    return options


def short_name(task: str) -> str:
    """A data set's name as the beginning of a file's name."""
    return Path(task).name.partition(".")[0] if "." in Path(task).name else task.replace(":", "-")


evaluate.__doc__ = f"{evaluate.__doc__}\n{_EPILOG}"
