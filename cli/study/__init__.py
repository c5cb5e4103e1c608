"""`peerleap study`: experiments on what hearing its peers does to a model; one file a study, each adds its command.

Read `listening`, `beginnings` and `types`; `questions` is what a study asks.
"""

import typer

from peerleap.cli.study.beginnings import beginnings
from peerleap.cli.study.listening import listening
from peerleap.cli.study.types import types

__all__ = ["study"]

_HELP = """Find out what hearing its peers does to a model.

Each study writes a results file, continues where it was stopped, and prints a table with intervals.

[bold]Before LeaP is run on a model[/bold], in minutes: does it tell a right peer from a wrong one?
    peerleap study listening gsm8k --model MODEL

[bold]The paper's Prefix Dominance Trap[/bold]: what does a bad beginning cost, and does LeaP mend it?
    peerleap study beginnings aime2024 --model MODEL

[bold]After an eval of LeaP[/bold]: what did reading its peers do to each path?
    peerleap study types leap.jsonl alone.jsonl
"""

study = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=_HELP)
study.command()(listening)
study.command()(beginnings)
study.command()(types)
