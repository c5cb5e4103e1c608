"""`peerleap study listening`: does a model tell a right peer from a wrong one?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.listening_notes import remember_listening
from peerleap.cli.options import (
    BlockAs,
    EngineArg,
    Interval,
    MaxTokens,
    Model,
    Preset,
    Router,
    Sampling,
    Server,
    SummaryTokens,
    Temperature,
    Thinking,
    TopK,
    engine_arguments,
    run_option,
    server_urls,
    settings_from,
)
from peerleap.cli.study.questions import study_questions

_EPILOG = """
A model's own paths stop at their first LeaP block, and go on in nine ways:
    no block: undisturbed
    own summary: sums up and reads nobody
    sham comment: reads its own summary as a peer's
    peers: reads its peers, as LeaP has it
    right peer, wrong peer: reads one peer, who names that answer
    right peers, wrong peers: as many as LeaP has it read, who all name it
    placebo: reads summaries of another question

[bold]Take-up[/bold]: of the paths that would not have come to the peer's answer
anyway (as with the sham comment), the share that did.
[bold]Discrimination[/bold]: take-up of right answers minus take-up of wrong ones.
Look at it before you run LeaP on a model. `ask` and `eval` show it.

[bold]Examples[/bold]

The embedded miniature, on chain sums of its own:
    peerleap study listening --model miniature --interval 150 --temperature 1

Your model, on questions that it gets right now and then:
    peerleap study listening gsm8k --model Qwen/Qwen2.5-0.5B-Instruct
    peerleap study listening gym:chain_sum --questions 40 --interval 64

[bold]Exit codes[/bold]: 0 done; 1 the engine failed, or questions failed twice; 2 bad input; 130 Ctrl-C.
"""


def listening(
    task: Annotated[
        str | None,
        typer.Argument(
            help="Questions, as for `peerleap eval`: gsm8k, gym:chain_sum, a .jsonl file, ...",
            show_default="chain sums for --model miniature",
        ),
    ] = None,
    *,
    questions: Annotated[int, run_option(help="Maximum number of questions.")] = 10,
    paths: Annotated[int, run_option("--paths", "-n", help="Number of paths of each question.")] = 4,
    seed: Annotated[int, run_option(help="Seed of the run.")] = 0,
    data_seed: Annotated[
        int | None, run_option(help="Seed of generated questions and of the order of options.")
    ] = None,
    in_flight: Annotated[
        int | None, run_option(help="Maximum number of questions at once.", show_default="as in `peerleap eval`")
    ] = None,
    router: Router = None,
    interval: Interval = None,
    top_k: TopK = None,
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
        typer.Option("--out", "-o", help="Results file.", show_default="MODEL-listening.jsonl"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the tables only.")] = False,
) -> None:
    """Test whether a model tells right peers from wrong ones; after a stop, the same command continues."""
    with usage_errors():
        settings = settings_from(
            interval=interval, top_k=top_k, router=router, max_tokens=max_tokens, summary_tokens=summary_tokens,
            block_as=block_as, thinking=thinking, preset=preset, temperature=temperature, sampling=sampling,
        )  # fmt: skip
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        from peerleap.cli.display import check_apart, check_target, show_listening
        from peerleap.cli.eval_run import run_to_file
        from peerleap.engine import default_model
        from peerleap.evals.studies import listening_plan, listening_verdict, read_listening

        target = out or Path(f"{Path(model or default_model()).name}-listening.jsonl")
        check_target(target, "--out")
        check_apart({"--out": target}, [task])
        name, problems = study_questions(task, model, questions, data_seed)
        plan = listening_plan(
            name, problems, paths=paths, settings=settings, seed=seed, in_flight=in_flight,
            servers=len(servers.split(",")) if servers else 0,
        )  # fmt: skip
        failed = run_to_file(plan, model, arguments, target, server=servers, quiet=quiet)
        found = read_listening(target)
        verdict = listening_verdict(found)
        show_listening(found, verdict, Console())
        remember_listening(found, verdict, target)
    if failed:
        raise typer.Exit(FAILED)


listening.__doc__ = f"{listening.__doc__}\n{_EPILOG}"
