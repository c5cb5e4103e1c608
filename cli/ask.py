"""`peerleap ask`: one question, from the options to the printed answer."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from peerleap.cli.display import (
    View,
    check_apart,
    check_target,
    choose_view,
    one_line,
    print_json,
    print_result,
    result_json,
    save,
    watched,
    write_or_say,
    write_run_page,
)
from peerleap.cli.errors import FAILED, usage_errors
from peerleap.cli.interrupt import run_until_interrupted
from peerleap.cli.listening_notes import listening_note
from peerleap.cli.models import model_for
from peerleap.cli.named_runs import Recipe, ask_stored, check_name, open_run
from peerleap.cli.options import (
    OUT,
    AsJson,
    BlockAs,
    CommunicateAt,
    EngineArg,
    Interval,
    MaxTokens,
    Model,
    Preset,
    Quiet,
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
    Verbose,
    engine_arguments,
    one_of,
    server_urls,
    settings_from,
)

_EPILOG = """
[bold]Examples[/bold]

With the embedded model and four paths, on this machine's CPU:
    peerleap ask "What is the sum of the first 10 odd numbers?"

With a reasoning model from the hub or a folder:
    peerleap ask --model Qwen/Qwen3-4B-Thinking-2507 --paths 16 "..."

Choose which peers are read, how often, and how many:
    peerleap ask --router hybrid --interval 2048 --top-k 2 "..."

Store a long run under a name; it survives Ctrl-C and a crash:
    peerleap ask --thread primes "How many primes are below 200?"

On vLLM servers, with a model of theirs (docs/scale.md):
    peerleap ask --server http://10.0.0.1:8000 --server http://10.0.0.2:8000 "..."

For a script: one JSON object on standard output, progress on standard error:
    peerleap ask --json "..." | jq .votes
"""

_RUN = "The run"


def ask(
    ctx: typer.Context,
    question: Annotated[
        str, typer.Argument(help="The question, in quotes; `-` reads it from standard input.", show_default=False)
    ],
    *,
    paths: Annotated[
        int | None,
        typer.Option("--paths", "-n", help="Number of paths.", show_default="4", rich_help_panel=_RUN),
    ] = None,
    team: TeamFile = None,
    interval: Interval = None,
    top_k: TopK = None,
    router: Router = None,
    talk: Talk = None,
    rounds: Rounds = None,
    communicate_at: CommunicateAt = None,
    max_tokens: MaxTokens = None,
    summary_tokens: SummaryTokens = None,
    block_as: BlockAs = None,
    vote: Annotated[
        str | None,
        typer.Option(
            autocompletion=one_of("majority", "shortest_majority"),
            help="How answers are counted: majority or shortest_majority.",
            show_default="majority",
            metavar="NAME",
            rich_help_panel=_RUN,
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            autocompletion=one_of("math", "choice", "free"),
            help="Kind of question: math, choice or free.",
            show_default="inferred from the question",
            metavar="NAME",
            rich_help_panel=_RUN,
        ),
    ] = None,
    temperature: Temperature = None,
    sampling: Sampling = None,
    seed: Annotated[
        int, typer.Option(help="Random seed: the same seed and engine give the same run.", rich_help_panel=_RUN)
    ] = 0,
    preset: Preset = None,
    model: Model = None,
    server: Server = None,
    thinking: Thinking = None,
    engine_arg: EngineArg = None,
    thread: Annotated[
        str | None,
        typer.Option(
            help="Store the run under this name; `peerleap resume NAME` continues it.",
            metavar="NAME",
            rich_help_panel=OUT,
        ),
    ] = None,
    as_json: AsJson = False,
    save_to: Annotated[
        Path | None, typer.Option("--save", help="Write everything as JSON, histories too.", rich_help_panel=OUT)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the run as one HTML file.", metavar="FILE", rich_help_panel=OUT)
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Ask one question: the paths reason, summarize, read their peers, continue, and vote."""
    with usage_errors():
        if ctx.args:
            words = shlex.quote(" ".join([question, *ctx.args]))
            raise ValueError(f"question={question!r} and {len(ctx.args)} more words: quote it: peerleap ask {words}")
        context = settings_from(
            interval=interval, top_k=top_k, router=router, talk=talk, rounds=rounds, communicate_at=communicate_at,
            max_tokens=max_tokens, summary_tokens=summary_tokens, block_as=block_as, thinking=thinking, vote=vote,
            task=task, preset=preset, seed=seed, temperature=temperature, sampling=sampling,
        )  # fmt: skip
        text = question if question != "-" else "" if sys.stdin is None else sys.stdin.read()
        text = text.encode("utf-8", "replace").decode()  # an argument may hold bytes that are no text
        if not text.strip():
            raise ValueError(f"question={text!r}: give a text that is not empty")
        check_target(save_to)
        check_target(html, "--html")
        check_apart({"--save": save_to, "--html": html}, [team])
        graph: Any = None
        if thread is not None:
            check_name(thread)
        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        word = ""
        if model is None and team is None and not servers:
            model, word = model_for(text)
        recipe = _recipe(model, paths, team, arguments, thread)
        recipe["server"] = servers
        messages = Console(stderr=True)
        view = choose_view(messages, text, quiet=quiet, verbose=verbose, as_json=as_json)
        with watched(view, verbose=verbose):
            if word:
                view.notice(word)
            view.notice("loading LangGraph and the model's tokenizer")
            if thread is not None:
                result = ask_stored(thread, text, recipe, context, view)
            else:
                graph = _graph(recipe, team)
                result = run_until_interrupted(_run(graph, text, context, view), view.notice)
    # A long run's answer is printed whatever becomes of the files.
    saved = write_or_say("--save", save_to, lambda target: save(result, target))
    saved &= write_or_say("--html", html, lambda target: _write_page(result, graph, target, thread))
    if as_json:
        print_json(result_json(result, histories=False))
    else:
        if result.get("rounds") and not (quiet or team or servers) and (note := listening_note(model)):
            messages.print(Text(one_line(note)), soft_wrap=True)
        print_result(result, Console(), messages, quiet=quiet)
    if not saved:
        raise typer.Exit(FAILED)


def _recipe(
    model: str | None, paths: int | None, team: str | None, arguments: dict[str, Any], thread: str | None
) -> Recipe:
    """What the graph is made of; a team's file is read only where the run is stored."""
    if paths is not None and not 1 <= paths <= 1024:
        raise ValueError(f"paths={paths!r}: give a number from 1 to 1024")
    if team is None:
        return Recipe(model=model, paths=4 if paths is None else paths, server=None, engine_args=arguments)
    if paths is not None:
        raise ValueError(f"--paths {paths!r}: give either --paths or --team (whose counts say how many)")
    if thread is None:
        return Recipe(model=model, paths=None, server=None, engine_args=arguments)
    from peerleap.agents import read_team

    return Recipe(model=model, paths=None, server=None, engine_args=arguments, team=read_team(team))


def _write_page(result: dict[str, Any], graph: Any, target: Path, thread: str | None) -> None:
    if thread is None:
        write_run_page(result, graph, target)
        return
    with open_run(thread) as (stored, _):
        write_run_page(result, stored, target, thread)


def _graph(recipe: Recipe, team: str | None) -> Any:
    from peerleap.agents import load_team
    from peerleap.graph import build_graph

    peers = None if team is None else load_team(team)
    made = {"server": recipe["server"], **recipe["engine_args"]}
    return build_graph(recipe["model"], paths=recipe["paths"], peers=peers, **made).compile()


async def _run(graph: Any, question: str, context: dict[str, Any], view: View) -> dict[str, Any]:
    result: dict[str, Any] = {"question": question}
    async for mode, part in graph.astream({"question": question}, context=context, stream_mode=["custom", "values"]):
        if mode == "custom":
            view.show(part)
            if part["type"] == "run":
                result["settings"] = part["settings"]
        else:
            result.update({key: part[key] for key in _OUTPUT if key in part})
    return result


_OUTPUT = ("answer", "votes", "paths", "rounds", "usage", "histories")

ask.__doc__ = f"{ask.__doc__}\n{_EPILOG}"
