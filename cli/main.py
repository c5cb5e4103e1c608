import typer

from peerleap.cli.ask import ask
from peerleap.cli.compare import compare
from peerleap.cli.eval import evaluate
from peerleap.cli.fork import fork
from peerleap.cli.models import models
from peerleap.cli.resume import resume
from peerleap.cli.runs import runs
from peerleap.cli.train import train

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
app.command()(resume)
app.command()(fork)
app.add_typer(runs, name="runs")
app.command()(models)
app.command("eval")(evaluate)
app.command()(compare)
app.add_typer(train, name="train")


@app.callback()
def _main() -> None:
    """Keep `peerleap COMMAND` also while there is one command only."""
