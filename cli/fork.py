"""`peerleap fork`: another run that shares a stored run up to a LeaP block."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from peerleap.cli.display import choose_view, plain, print_json, print_result, result_json, watched
from peerleap.cli.errors import usage_errors
from peerleap.cli.named_runs import open_run, run_to_end
from peerleap.cli.options import AsJson, EngineArg, Quiet, Server, Verbose, engine_arguments, server_urls


def fork(
    name: Annotated[str, typer.Argument(help="Name of the run to fork.", show_default=False)],
    *,
    block: Annotated[
        int | None,
        typer.Option("--block", "-b", help="The LeaP block to redo; 1 is the first.", min=1, show_default=False),
    ] = None,
    round_: Annotated[int | None, typer.Option("--round", hidden=True)] = None,
    new: Annotated[
        str | None, typer.Option("--as", help="Name of the new run.", metavar="NAME", show_default="NAME-BLOCK")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, such as router=random; repeatable.", metavar="NAME=VALUE"),
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out a path; repeatable.", metavar="PATH")] = None,
    edit: Annotated[
        list[str] | None,
        typer.Option(
            help="Replace the summary that peers read of a path, as in solver_1='I was wrong.'; repeatable.",
            metavar="PATH=TEXT",
        ),
    ] = None,
    hint: Annotated[str | None, typer.Option(help="A text that every path reads in this block.")] = None,
    server: Server = None,
    engine_arg: EngineArg = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Redo a stored run from one of its LeaP blocks on, with something changed; the original stays as it is.

    [bold]Examples[/bold]

    What if every path had read two random peers from the second block on?
        peerleap fork primes --block 2 --set router=random --set top_k=2

    What if solver_2 had not been there?
        peerleap fork primes --block 1 --drop solver_2 --as without-2

    What if solver_1 had written something else, or a person had helped?
        peerleap fork primes --block 1 --edit solver_1="I found 46." --hint "1 is not a prime."
    """
    messages = Console(stderr=True)
    with usage_errors():
        number = _block(block, round_)
        changed, edited = dict(_pairs("--set", set_)), dict(_pairs("--edit", edit))
        target = new or f"{name}-{number}"
        with open_run(name, engine_arguments(engine_arg), server_urls(server)) as (graph, config):
            from peerleap.graph import compare, read_run
            from peerleap.graph import fork as fork_run

            original = read_run(graph, config)
            _check_block(name, number, len(original["rounds"]))
            forked = fork_run(
                graph, config, round=number - 1, settings={key: _value(value) for key, value in changed.items()},
                drop=drop or (), edit=edited, hint=hint, thread_id=target,
            )  # fmt: skip
            metadata = {**config["metadata"], "forked_from": name, "forked_at": number - 1}
            view = choose_view(messages, original["question"], quiet=quiet, verbose=verbose, as_json=as_json)
            with watched(view, verbose=verbose):
                result = run_to_end(graph, {**forked, "metadata": metadata}, None, view)
            compared = compare(original, result) if original["state"] == "ended" else None
    if as_json:
        print_json({**result_json(result, histories=False), "thread": target, "compared": compared})
        return
    print_result(result, Console(), messages, quiet=quiet)
    if compared is not None and not quiet:
        for line in _comparison(name, compared):
            messages.print(Text(plain(line)), soft_wrap=True)


def _block(block: int | None, round_: int | None) -> int:
    """The number of the block, from 1; `--round`, which counted from 0, is refused with its new spelling."""
    if round_ is not None:
        raise ValueError(f"--round {round_}: blocks are numbered from 1; give --block {round_ + 1}")
    if block is None:
        raise ValueError("--block: give the number of the LeaP block to redo; 1 is the first")
    return block


def _check_block(name: str, number: int, blocks: int) -> None:
    if number > blocks:
        there = f"{blocks} LeaP block{'' if blocks == 1 else 's'}"
        raise ValueError(f"--block {number}: {name!r} has {there}" + (f"; give 1 to {blocks}" if blocks > 1 else ""))


def _pairs(option: str, texts: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in texts or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise ValueError(f"{option} {text!r}: give name=value")
        pairs.append((key.strip(), value))
    return pairs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _comparison(name: str, compared: Any) -> list[str]:
    vote = compared["answer"]
    lines = [
        f"compared with {name!r}: " + ("the same answer" if vote is None else f"{vote.before!r}, now {vote.after!r}")
    ]
    lines += [f"  {path}: {change.before!r}, now {change.after!r}" for path, change in compared["changed"].items()]
    return lines
