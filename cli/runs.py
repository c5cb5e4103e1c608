"""`peerleap runs` and `peerleap resume`: stored runs listed, shown, deleted and continued."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.display import (
    check_target,
    choose_view,
    plain,
    print_json,
    print_result,
    result_json,
    watched,
    write_run_page,
)
from peerleap.cli.errors import usage_errors
from peerleap.cli.named_runs import open_run, recipe_of, related_runs, run_to_end
from peerleap.cli.options import AsJson, EngineArg, Quiet, Server, Verbose, engine_arguments, server_urls

runs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, show or delete the runs that `ask --thread` has stored, in PEERLEAP_RUNS or the user's data folder.",
)
_WIDE = 120


@runs.command("list")
def list_runs(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of the table.")] = False,
) -> None:
    """List the stored runs, the latest first.

    [bold]Examples[/bold]

    peerleap runs list

    PEERLEAP_RUNS=postgresql://me@server/runs peerleap runs list
    """
    with usage_errors():
        from peerleap.graph import open_checkpointer

        with open_checkpointer() as store:
            found = [_summary(store, name) for name in store.threads()]
            where = store.name
    if as_json:
        print_json(found)
        return
    console = Console()
    console.print(_table(found, console.width))
    console.print(Text(plain(f"stored in {where} (PEERLEAP_RUNS)")), soft_wrap=True)


def _table(found: list[dict[str, Any]], width: int) -> Table:
    """One line a run; what does not fit ends in an ellipsis, and the model is shown where there is room."""
    sizes = {"name": width // 3, "state": 8, "blocks": 6, "paths": 5, "answer": 16, "used": 19, "model": 32}
    if width < _WIDE:
        sizes |= {"answer": 10, "used": 10}
        del sizes["paths"], sizes["model"]
    columns = [Column(name, max_width=size, no_wrap=True, overflow="ellipsis") for name, size in sizes.items()]
    table = Table(*columns, Column("question", no_wrap=True, overflow="ellipsis"), box=None, padding=(0, 2, 0, 0))
    for run in found:
        cells = [plain("" if run[key] is None else str(run[key])) for key in [*sizes, "question"]]
        table.add_row(*(Text(cell[:10] if key == "used" and sizes["used"] == 10 else cell)
                        for key, cell in zip([*sizes, "question"], cells, strict=True)))  # fmt: skip
    return table


@runs.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the run.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, histories included.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the run as one HTML file, finished or not.", metavar="FILE")
    ] = None,
) -> None:
    """Show a run: its LeaP blocks, who read whom, and how each path ended.

    [bold]Examples[/bold]

    peerleap runs show primes

    peerleap runs show primes --json | jq .rounds

    peerleap runs show primes --html primes.html
    """
    out, messages = Console(), Console(stderr=True)
    with usage_errors():
        check_target(html, "--html")
        with open_run(name) as (graph, config):
            from peerleap.graph import read_run

            run: dict[str, Any] = dict(read_run(graph, config))
            if html is not None:
                others = related_runs(name, config["metadata"])
                try:
                    write_run_page(run, graph, html, name, others)
                except OSError as error:
                    raise ValueError(f"--html {str(html)!r}: {error}") from error
                beside = ", ".join(repr(other["name"]) for other in others)
                messages.print(
                    Text(plain(f"written to {html}" + (f", beside {beside}" if beside else ""))), soft_wrap=True
                )
                return
    if as_json:
        print_json({**result_json(run, histories=True), "state": run["state"], "next": run["next"]})
        return
    lines = [f"question: {run['question']}"]
    for record in run["rounds"]:
        lines.append(f"LeaP block {record['round'] + 1}:")
        for path, probe in record.get("probes", {}).items():
            lines.append(f"  {path} would answer {probe['answer'] or 'nothing'}")
        for path, summary in record["summaries"].items():
            read = record["routes"].get(path)
            reads = "" if read is None else f" (reads {', '.join(read) or 'no peer'})"
            lines.append(f"  {path}{reads}: {summary['text']}")
    if run["state"] != "ended":
        lines.append(f"stopped before {', '.join(run['next'])}; continue with: peerleap resume {shlex.quote(name)}")
    for line in lines:
        indent = "  " if line.startswith("  ") else ""
        out.print(Text(indent + plain(line)), soft_wrap=True)
    if run["state"] == "ended":
        print_result(run, out, messages)


@runs.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="Names of the runs.", show_default=False)],
) -> None:
    """Delete runs for good.

    [bold]Examples[/bold]

    peerleap runs delete primes primes-1
    """
    with usage_errors():
        from peerleap.graph import InputError, open_checkpointer
        from peerleap.graph.checkpoints import one_run

        with open_checkpointer() as store:
            there = set(store.threads())
            if unknown := [name for name in names if name not in there]:
                raise InputError(f"{unknown[0]!r}: no run of this name is stored; see `peerleap runs list`")
            for name in names:
                with one_run(store, name):
                    store.delete_thread(name)


def resume(
    name: Annotated[str, typer.Argument(help="Name of the run.", show_default=False)],
    *,
    server: Server = None,
    engine_arg: EngineArg = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Continue a run that was stopped or killed; finished work is not repeated.

    [bold]Examples[/bold]

    peerleap ask --thread primes "How many primes are below 200?"     # Ctrl-C

    peerleap resume primes
    """
    messages = Console(stderr=True)
    with usage_errors(), open_run(name, engine_arguments(engine_arg), server_urls(server)) as (graph, config):
        from peerleap.graph import read_run
        from peerleap.graph.runs import unfinished_nodes

        if unfinished_nodes(graph.get_state(config)):
            view = choose_view(messages, "", quiet=quiet, verbose=verbose, as_json=as_json)
            with watched(view, verbose=verbose):
                result = run_to_end(graph, config, None, view)
        else:
            result = dict(read_run(graph, config))
    if as_json:
        print_json(result_json(result, histories=False))
    else:
        print_result(result, Console(), messages, quiet=quiet)


def _summary(store: Any, name: str) -> dict[str, Any]:
    from peerleap.graph import CheckpointError
    from peerleap.graph.runs import count_blocks

    fields = ("model", "question", "answer", "used", "forked_from")
    try:
        found = store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}})
        values, metadata = found.checkpoint["channel_values"], found.metadata
        return {
            "name": name,
            "state": "ended" if values.get("paths") else _unfinished_state(store, name),
            "blocks": count_blocks(store, found),
            "paths": len(values.get("status") or ()),
            "model": recipe_of(metadata).get("model"),
            "question": values.get("problem"),
            "answer": values.get("answer"),
            "used": found.checkpoint["ts"][:19].replace("T", " "),
            "forked_from": metadata.get("forked_from"),
        }
    except (
        CheckpointError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:  # one damaged run hides no other
        return {
            "name": name,
            "state": "damaged",
            "blocks": 0,
            "paths": 0,
            **dict.fromkeys(fields),
            "answer": str(error),
        }


def _unfinished_state(store: Any, name: str) -> str:
    """`running` where a process, here or elsewhere, is at work on the run."""
    from peerleap.graph import ThreadBusy
    from peerleap.graph.checkpoints import one_run

    try:
        with one_run(store, name):
            return "stopped"
    except ThreadBusy:
        return "running"
