import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from peerleap.cli.errors import usage_errors
from peerleap.cli.named_runs import open_kept, see_through
from peerleap.cli.report import print_result, result_json
from peerleap.cli.views import LiveView, LogView


def fork(
    name: Annotated[str, typer.Argument(help="The run to enter again.", show_default=False)],
    *,
    round_: Annotated[int, typer.Option("--round", help="Which LeaP block is done anew; 0 is the first.", min=0)],
    new: Annotated[
        str | None, typer.Option("--as", help="Name of the new run; NAME-K unless given.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as router=random; may be repeated.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A path to leave out; may be repeated.")] = None,
    edit: Annotated[
        list[str] | None, typer.Option(help="What peers read of a path, as solver_1='I was wrong.'; may be repeated.")
    ] = None,
    hint: Annotated[str | None, typer.Option(help="What every path reads in this block.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, `compared` with the original.")
    ] = False,
) -> None:
    """Enter a kept run at a LeaP block, change something, and run only what comes after.

    [bold]Examples[/bold]

    What if everybody had read two random peers from the second block on?
        peerleap fork primes --round 1 --set router=random --set top_k=2

    What if solver_2 had not been there?
        peerleap fork primes --round 0 --drop solver_2 --as without-2

    What if solver_1 had said something else, or a person had helped?
        peerleap fork primes --round 0 --edit solver_1="I found 46." --hint "1 is not a prime."
    """
    messages = Console(stderr=True)
    target = new or f"{name}-{round_}"
    with usage_errors(), open_kept(name) as (graph, config):
        from peerleap.graph import compare, read_run
        from peerleap.graph import fork as fork_run

        settings = {key: _value(value) for key, value in _pairs("--set", set_)}
        forked = fork_run(
            graph, config, round=round_, settings=settings, drop=drop or (), edit=dict(_pairs("--edit", edit)),
            hint=hint, thread_id=target,
        )  # fmt: skip
        view = LiveView(messages) if messages.is_terminal and not as_json else LogView(messages)
        metadata = {**config["metadata"], "forked_from": name, "forked_at": round_}
        result = see_through(graph, {**forked, "metadata": metadata}, None, view, messages)
        original = read_run(graph, config)
        compared = compare(original, result) if original["state"] == "ended" else None
    if as_json:
        print(json.dumps({**result_json(result, histories=False), "thread": target, "compared": compared}))
        return
    print_result(result, Console(), messages)
    if compared is not None:
        for line in _told(name, compared):
            messages.print(Text(line), soft_wrap=True)


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in given or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise ValueError(f"{option} {text!r}: give name=value")
        pairs.append((key.strip(), value))
    return pairs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _told(name: str, compared: Any) -> list[str]:
    vote = compared["answer"]
    lines = [
        f"compared with {name!r}: " + ("the same answer" if vote is None else f"{vote.before!r}, now {vote.after!r}")
    ]
    lines += [f"  {path}: {change.before!r}, now {change.after!r}" for path, change in compared["changed"].items()]
    return lines
