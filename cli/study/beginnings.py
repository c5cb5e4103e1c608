"""`peerleap study beginnings`: what a bad or a good beginning does to a path, and what LeaP makes of it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.options import (
    BlockAs,
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
    Thinking,
    TopK,
    engine_arguments,
    one_of,
    run_option,
    server_urls,
    settings_from,
)
from peerleap.cli.study.questions import study_questions

_SAMPLES = "The samples that beginnings are cut from"
_EPILOG = """
Independent paths of every question are sampled first, or taken from results of
yours (--samples). Where a question has right and wrong ones, new paths go on
from the first tokens of one, by themselves and with LeaP:
    --kind trap: 15 %; none, a bad, a good, a random beginning (paper 2, B)
    --kind tolerance: 30 %; 0 to 100 % good ones among bad ones (paper 5.2.1)
The length is a share of the average response. "None" is a fresh sample: the one
that chose the questions would flatter it. Ten questions show gaps of some 20
points only.

[bold]Examples[/bold]

With the paper's numbers: 32 samples, 10 questions, 16 continuations at 1.0:
    peerleap study beginnings aime2024 --model MODEL

From the samples of an eval (its options: --method independent --keep-ids):
    peerleap study beginnings aime2024 --model MODEL --samples samples.jsonl

The embedded miniature, which is wrong now and then only if it samples wildly:
    peerleap study beginnings --model miniature --rounds 3 --sample-temperature 1

[bold]Exit codes[/bold]: 0 done; 1 the engine failed, or questions failed twice; 2 bad input;
130 Ctrl-C.
"""


def beginnings(
    task: Annotated[
        str | None,
        typer.Argument(
            help="Questions, as for `peerleap eval`: aime2024, gsm8k, a .jsonl file, ...",
            show_default="chain sums for --model miniature",
        ),
    ] = None,
    *,
    kind: Annotated[
        str, run_option(help="trap or tolerance.", autocompletion=one_of("trap", "tolerance"), metavar="NAME")
    ] = "trap",
    fraction: Annotated[
        float | None,
        run_option(help="Length of a beginning, as a share of the average response.", show_default="0.15, 0.3"),
    ] = None,
    questions: Annotated[int, run_option(help="Maximum number of questions with right and wrong paths.")] = 10,
    continuations: Annotated[int, run_option(help="Number of paths behind each beginning.")] = 16,
    seed: Annotated[int, run_option(help="Seed of the draws and of the continuations.")] = 0,
    in_flight: Annotated[
        int | None, run_option(help="Maximum number of questions at once.", show_default="as in `peerleap eval`")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            help="Results of `peerleap eval --method independent --keep-ids` on these questions; made if missing.",
            show_default="OUT with -samples",
            rich_help_panel=_SAMPLES,
        ),
    ] = None,
    sample_paths: Annotated[int, typer.Option(help="Number of paths of each question.", rich_help_panel=_SAMPLES)] = 32,
    sample_temperature: Annotated[
        float | None,
        typer.Option(help="Sampling temperature.", show_default="depends on the model", rich_help_panel=_SAMPLES),
    ] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of questions.", rich_help_panel=_SAMPLES)] = 30,
    data_seed: Annotated[
        int | None,
        typer.Option(help="Seed of generated questions and of the order of options.", rich_help_panel=_SAMPLES),
    ] = None,
    router: Router = None,
    interval: Interval = None,
    top_k: TopK = None,
    rounds: Rounds = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    block_as: BlockAs = None,
    temperature: Annotated[
        float, run_option(help="Sampling temperature of the continuations; the paper's is 1.")
    ] = 1.0,
    sampling: Sampling = None,
    preset: Preset = None,
    model: Model = None,
    server: Server = None,
    thinking: Thinking = None,
    engine_arg: EngineArg = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results file.", show_default="MODEL-beginnings-KIND.jsonl")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the tables only.")] = False,
) -> None:
    """Measure what a bad or a good beginning does to paths, and what LeaP makes of it; resumable."""
    with usage_errors():
        shared: dict[str, Any] = {"max_tokens": max_tokens, "thinking": thinking, "preset": preset}
        settings = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, summary_tokens=summary_tokens,
            block_as=block_as, temperature=temperature, sampling=sampling, **shared,
        )  # fmt: skip
        sampled = settings_from(temperature=sample_temperature, sampling=sampling, **shared)
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        from peerleap.cli.display import check_apart, check_target, show_beginnings
        from peerleap.cli.eval_run import run_to_file, say
        from peerleap.engine import default_model, get_engine
        from peerleap.evals import MethodConfig, Plan, header, read_records
        from peerleap.evals.studies import (
            beginnings_plan,
            beginnings_verdict,
            check_kind,
            check_samples,
            read_beginnings,
            read_samples,
        )

        check_kind(kind, fraction, questions=questions, continuations=continuations)
        target = out or Path(f"{Path(model or default_model()).name}-beginnings-{kind}.jsonl")
        source = samples or target.with_name(f"{target.stem}-samples.jsonl")
        check_target(target, "--out")
        check_target(source, "--samples")
        check_apart({"--out": target, "--samples": source}, [task])
        name, problems = study_questions(task, model, limit, data_seed, option="--limit")
        engine = get_engine(model, server=servers, **arguments)
        _check_blocks(settings, engine)
        replicas = len(servers.split(",")) if servers else 0
        config = MethodConfig(paths=sample_paths, settings=sampled)
        first = Plan(
            name, problems, "independent", config, seed=seed, keep_ids=True, in_flight=in_flight, servers=replicas
        )
        own = header(first, engine, arguments).config_hash
        if samples is not None and samples.exists() and read_records(samples, texts=False)[0].config_hash != own:
            check_samples(read_samples(samples), problems, engine)  # an eval's, taken as they are
        else:
            say("first, the samples that beginnings are cut from", quiet=quiet)
            run_to_file(first, model, arguments, source, server=servers, quiet=quiet)
        plan = beginnings_plan(
            read_samples(source), problems, kind=kind, fraction=fraction, questions=questions,
            continuations=continuations, settings=settings, seed=seed, in_flight=in_flight, servers=replicas,
        )  # fmt: skip
        if len(plan.problems) < questions:
            few = f"{len(plan.problems)} questions have right and wrong paths, not {questions}"
            say(f"{few}; a larger --limit or another --sample-temperature gives more, in another --out", quiet=quiet)
        failed = run_to_file(plan, model, arguments, target, server=servers, quiet=quiet)
        found = read_beginnings(target)
        show_beginnings(found, beginnings_verdict(found), Console())
        if found.detectable is not None:
            say(f"{found.questions} questions show gaps of about {100 * found.detectable:.0f} points", quiet=quiet)
        if not found.blocks:
            say("no path of LeaP reached a block: give a smaller --interval", quiet=quiet)
    if failed:
        raise typer.Exit(FAILED)


def _check_blocks(settings: dict[str, Any], engine: Any) -> None:
    from peerleap.graph import resolve_settings

    engine.check()
    if resolve_settings(settings, engine).rounds == 0:
        raise ValueError(f"rounds=0: {engine.model!r} holds no LeaP block unless told to; give --rounds, such as 3")


beginnings.__doc__ = f"{beginnings.__doc__}\n{_EPILOG}"
