"""The `peerleap` command: its subcommands, and how a mistake of usage reads."""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import peerleap
from peerleap.cli.ask import ask
from peerleap.cli.display import message_line, plain
from peerleap.cli.errors import FAILED, USAGE
from peerleap.cli.eval import evaluate
from peerleap.cli.fork import fork
from peerleap.cli.measure import compare, sweep
from peerleap.cli.models import models
from peerleap.cli.runs import resume, runs
from peerleap.cli.serve import serve
from peerleap.cli.study import study
from peerleap.cli.train import train


class _Command(TyperCommand):
    """A subcommand whose flags show no type in the help."""

    def get_params(self, ctx: Any) -> Any:
        return _plain_flags(super().get_params(ctx))


class _Commands(TyperGroup):
    """A command with subcommands; a mistake of usage costs one line and exit code 2."""

    command_class = _Command

    def get_params(self, ctx: Any) -> Any:
        return _plain_flags(super().get_params(ctx))

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        options["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # an answer must not be lost to a character that has no form here
                stream.reconfigure(errors="backslashreplace")
        if not os.environ.get("COLUMNS", "").strip("0"):
            os.environ.pop("COLUMNS", None)  # nothing would be printed at a width of 0
        try:
            code = super().main(args, *others, **options)
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            if error.errno != errno.EPIPE:  # `head` has read enough
                print(f"peerleap: the output cannot be written: {error.strerror}", file=sys.stderr)
            _drop_output()
            code = FAILED
        except typer.TyperException as error:
            print(_usage_error(error, sys.argv[1:] if args is None else args), file=sys.stderr, end="")
            code = USAGE
        except typer.Abort:
            code = USAGE
        sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """Let nothing be written any more: Python would try again as it ends, and complain in lines of its own."""
    with suppress(OSError, AttributeError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _plain_flags(params: Any) -> Any:
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


def _usage_error(error: typer.TyperException, args: Sequence[str]) -> str:
    message = plain(error.format_message()).rstrip(".").replace("Value error, ", "")
    if not message:  # `peerleap` alone has shown its help
        return ""
    options = getattr(getattr(error, "param", None), "opts", ())
    values = [value for option, value in pairwise(args) if option in options]
    got = f" (got {values[-1]!r})" if values and repr(values[-1]) not in message else ""
    command = getattr(getattr(error, "ctx", None), "command_path", "peerleap")
    return f"peerleap: {message_line(f'{message[0].lower()}{message[1:]}{got}')}; see `{command} --help`\n"


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"peerleap {peerleap.__version__}")
        raise typer.Exit


app = typer.Typer(
    name="peerleap",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Several reasoning paths of a local model work on one question side by side and learn from each other (LeaP).",
)
app.command(cls=_Command, context_settings={"allow_extra_args": True})(ask)
app.command(cls=_Command)(resume)
app.command(cls=_Command)(fork)
app.command(cls=_Command)(models)
app.command(cls=_Command)(serve)
app.command("eval", cls=_Command)(evaluate)
app.command(cls=_Command)(compare)
app.command(cls=_Command)(sweep)
for _name, _group in {"runs": runs, "study": study, "train": train}.items():
    for _registered in _group.registered_commands:
        _registered.cls = _Command
    app.add_typer(_group, name=_name, cls=_Commands)


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...
