"""`peerleap study`: experiments on what hearing its peers does to a model; one file a study, each adds its command."""

import typer

_HELP = """Find out what hearing its peers does to a model.

Each study writes a results file, continues where it was stopped, and prints a table with intervals.
"""

study = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=_HELP)
