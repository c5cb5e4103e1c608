import json
from typing import Annotated

import typer
from rich.console import Console

from peerleap.cli.errors import usage_errors
from peerleap.cli.named_runs import open_kept, see_through
from peerleap.cli.report import print_result, result_json
from peerleap.cli.views import LiveView, LogView


def resume(
    name: Annotated[str, typer.Argument(help="The run's name.", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Go on with a run that was stopped or killed; what it had finished is not done again.

    [bold]Examples[/bold]

    peerleap ask --thread primes "How many primes are below 200?"     # Ctrl-C

    peerleap resume primes
    """
    messages = Console(stderr=True)
    with usage_errors(), open_kept(name) as (graph, config):
        from peerleap.graph import read_run
        from peerleap.graph.runs import unfinished_nodes

        if unfinished_nodes(graph.get_state(config)):
            view = LiveView(messages) if messages.is_terminal and not as_json else LogView(messages)
            result = see_through(graph, config, None, view, messages)
        else:
            result = dict(read_run(graph, config))
    if as_json:
        print(json.dumps(result_json(result, histories=False)))
    else:
        print_result(result, Console(), messages)
