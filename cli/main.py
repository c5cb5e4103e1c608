import typer

from peerleap.cli.ask import ask
from peerleap.cli.compare import compare
from peerleap.cli.eval import evaluate
from peerleap.cli.models import models

app = typer.Typer(
    name="peerleap",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Several reasoning paths of a local model work on one question side by side and learn from each other (LeaP).",
)
app.command()(ask)
app.command()(models)
app.command("eval")(evaluate)
app.command()(compare)


@app.callback()
def _main() -> None:
    """Keep `peerleap COMMAND` also while there is one command only."""
