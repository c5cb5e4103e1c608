import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.interrupt import run_until_interrupted
from peerleap.cli.named_runs import Recipe, ask_kept
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
    SummaryTokens,
    TeamFile,
    Temperature,
    TopK,
    engine_arguments,
    settings_from,
)
from peerleap.cli.report import check_target, print_result, result_json, save
from peerleap.cli.views import LiveView, LogView, View

_EPILOG = """
[bold]Examples[/bold]

The embedded model, four paths, on this machine's CPU:
    peerleap ask "What is the sum of the first 10 odd numbers?"

A reasoning model from the hub or a folder, on a GPU, as in the paper:
    peerleap ask --model deepseek-ai/DeepSeek-R1-Distill-Qwen-7B --paths 32 --preset paper "..."

Which peers are read, how often, how many of them:
    peerleap ask --router hybrid --interval 2048 --top-k 2 "..."

A long run that survives Ctrl-C and a crash, under a name:
    peerleap ask --thread primes "How many primes are below 200?"

For a script: one JSON object on the output, the progress on the error output:
    peerleap ask --json "..." | jq .votes
"""

_RUN, _OUT = "The run", "The output"


def ask(
    question: Annotated[str, typer.Argument(help="The question; `-` reads it from the input.", show_default=False)],
    *,
    paths: Annotated[
        int | None, typer.Option("--paths", "-n", help="How many paths; 4 unless given.", rich_help_panel=_RUN)
    ] = None,
    team: TeamFile = None,
    interval: Interval = None,
    top_k: TopK = None,
    router: Router = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    block_as: BlockAs = None,
    vote: Annotated[str | None, typer.Option(help="majority or shortest_majority.", rich_help_panel=_RUN)] = None,
    task: Annotated[
        str | None,
        typer.Option(help="math, choice or free; told from the question unless given.", rich_help_panel=_RUN),
    ] = None,
    temperature: Temperature = None,
    sampling: Sampling = None,
    seed: Annotated[int, typer.Option(help="Same seed, same engine: same run.", rich_help_panel=_RUN)] = 0,
    preset: Preset = None,
    model: Model = None,
    engine_arg: EngineArg = None,
    thread: Annotated[
        str | None,
        typer.Option(
            help="Keep the run under this name: `peerleap resume NAME` goes on with it.", rich_help_panel=_OUT
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=_OUT)] = False,
    save_to: Annotated[
        Path | None,
        typer.Option("--save", help="Write everything, histories with token ids too, as JSON.", rich_help_panel=_OUT),
    ] = None,
) -> None:
    """Ask one question: the paths reason, summarize, read their peers, go on, and vote."""
    with usage_errors():
        context = settings_from(
            interval=interval, top_k=top_k, router=router, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens, block_as=block_as, vote=vote, task=task,
            preset=preset, seed=seed, temperature=temperature, sampling=sampling,
        )  # fmt: skip
        text = sys.stdin.read() if question == "-" else question
        text = text.encode("utf-8", "replace").decode()  # an argument may hold bytes that are no text
        if save_to is not None:
            check_target(save_to)
        messages = Console(stderr=True)
        view = LiveView(messages) if messages.is_terminal and not as_json else LogView(messages)
        arguments = engine_arguments(engine_arg)
        if thread is not None:
            recipe = Recipe(model=model, paths=4 if paths is None else paths, engine_args=arguments)
            if team is not None:
                from peerleap.agents import read_team

                if paths is not None:
                    raise ValueError(f"--paths {paths!r}: give either --paths or --team (whose counts say how many)")
                recipe = Recipe(model=model, paths=None, engine_args=arguments, team=read_team(team))
            result = ask_kept(thread, text, recipe, context, view, messages)
        else:
            from peerleap.agents import load_team
            from peerleap.graph import build_graph

            peers = None if team is None else load_team(team)
            graph = build_graph(model, paths=paths, peers=peers, **arguments).compile()
            result = run_until_interrupted(_run(graph, text, context, view))
    saved = True
    if save_to is not None:
        try:
            save(result, save_to)
        except OSError as error:  # a long run's answer is told whatever becomes of the file
            print(f"peerleap: --save {str(save_to)!r}: {error}", file=sys.stderr)
            saved = False
    if as_json:
        escape = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        print(json.dumps(result_json(result, histories=False), ensure_ascii=escape, allow_nan=False))
    else:
        print_result(result, Console(), messages)
    if not saved:
        raise typer.Exit(FAILED)


async def _run(graph: Any, question: str, context: dict[str, Any], view: View) -> dict[str, Any]:
    result: dict[str, Any] = {"question": question}
    with view:
        async for mode, part in graph.astream(
            {"question": question}, context=context, stream_mode=["custom", "values"]
        ):
            if mode == "custom":
                view.show(part)
                if part["type"] == "run":
                    result["settings"] = part["settings"]
            else:
                result.update({key: part[key] for key in _OUTPUT if key in part})
    return result


_OUTPUT = ("answer", "votes", "paths", "rounds", "usage", "histories")

ask.__doc__ = f"{ask.__doc__}\n{_EPILOG}"
