import json
import shlex
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.errors import usage_errors
from peerleap.cli.named_runs import open_kept, recipe_of
from peerleap.cli.report import print_result, result_json

runs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="The runs that are kept (`ask --thread`): in the user's data folder, or where PEERLEAP_RUNS says.",
)


@runs.command("list")
def list_runs(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """List the runs, the one used last first.

    [bold]Examples[/bold]

    peerleap runs list

    PEERLEAP_RUNS=postgresql://me@server/runs peerleap runs list
    """
    with usage_errors():
        from peerleap.graph import open_checkpointer

        with open_checkpointer() as store:
            found = [_line(store, name) for name in store.threads()]
            where = store.name
    if as_json:
        print(json.dumps(found))
        return
    table = Table(
        "name", "state", "blocks", "paths", "model", Column("question", overflow="ellipsis"), "answer", "used"
    )
    for run in found:
        cells = [str(run[key] if run[key] is not None else "") for key in _COLUMNS]
        table.add_row(*(Text(" ".join(cell.split())[:60]) for cell in cells))
    console = Console()
    console.print(table)
    console.print(Text(f"kept in {where} (PEERLEAP_RUNS)"), soft_wrap=True)


@runs.command()
def show(
    name: Annotated[str, typer.Argument(help="The run's name.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, histories too, as JSON.")] = False,
) -> None:
    """Show a run: its LeaP blocks, who read whom, and how each path ended.

    [bold]Examples[/bold]

    peerleap runs show primes

    peerleap runs show primes --json | jq .rounds
    """
    out, messages = Console(), Console(stderr=True)
    with usage_errors(), open_kept(name) as (graph, config):
        from peerleap.graph import read_run

        run: dict[str, Any] = dict(read_run(graph, config))
    if as_json:
        print(json.dumps({**result_json(run, histories=True), "state": run["state"], "next": run["next"]}))
        return
    out.print(Text(f"question: {run['question']}"), soft_wrap=True)
    for record in run["rounds"]:
        out.print(Text(f"round {record['round']}:"))
        for path, summary in record["summaries"].items():
            read = record["routes"].get(path)
            told = "" if read is None else f" (reads {', '.join(read) or 'nobody'})"
            out.print(Text(f"  {path}{told}: {' '.join(summary['text'].split())}"), soft_wrap=True)
    if run["state"] == "ended":
        print_result(run, out, messages)
    else:
        out.print(
            Text(f"stopped before {', '.join(run['next'])}; go on with: peerleap resume {shlex.quote(name)}"),
            soft_wrap=True,
        )


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
                raise InputError(f"{unknown[0]!r}: no run is kept under this name; see `peerleap runs list`")
            for name in names:
                with one_run(store, name):
                    store.delete_thread(name)


_COLUMNS = ("name", "state", "blocks", "paths", "model", "question", "answer", "used")


def _line(store: Any, name: str) -> dict[str, Any]:
    from peerleap.graph.runs import count_blocks

    found = store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}})
    values, metadata = found.checkpoint["channel_values"], found.metadata
    return {
        "name": name,
        "state": "ended" if values.get("paths") else "stopped or running",
        "blocks": count_blocks(store, found),
        "paths": len(values.get("status") or ()),
        "model": recipe_of(metadata).get("model"),
        "question": values.get("problem"),
        "answer": values.get("answer"),
        "used": found.checkpoint["ts"][:19].replace("T", " "),
        "forked_from": metadata.get("forked_from"),
    }
