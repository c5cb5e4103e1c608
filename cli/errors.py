"""What a mistake and a failure cost: one line on the error output, and an exit code."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from peerleap.cli.display import message_line, one_line
from peerleap.cli.interrupt import INTERRUPTED, leave_at_once

USAGE, FAILED = 2, 1

# What the system says of a file that another name, or other rights, would mend; the rest is a failure, as a full disk.
_NAMED_WRONGLY = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
_NO_SUCH_NAME = {errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS}


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what a user can mend into one line and an exit code, and shut the engines down whatever happens.

    Raises:
        typer.Exit: 2 where the input, a setting or the model is not usable, 1 where the run failed, 130 after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        print(f"peerleap: {one_line(str(stop)) or 'stopped'}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        print(f"peerleap: {message_line(_reason(error))}", file=sys.stderr)
        raise typer.Exit(code) from error
    finally:
        _close_engines()


def _exit_code(error: Exception) -> int | None:
    """The code of an error that a user can mend or wait out; `None` for a fault of ours."""
    if isinstance(error, ValueError):
        return USAGE
    if isinstance(error, OSError):
        return USAGE if isinstance(error, _NAMED_WRONGLY) or error.errno in _NO_SUCH_NAME else FAILED
    if "peerleap.evals" in sys.modules:
        from peerleap.evals import GraderBroken, MissingExtra

        if isinstance(error, MissingExtra | GraderBroken):
            return USAGE if isinstance(error, MissingExtra) else FAILED
    from peerleap.engine import EngineError
    from peerleap.graph import AllPathsFailed, CheckpointError, ThreadBusy

    return FAILED if isinstance(error, EngineError | AllPathsFailed | CheckpointError | ThreadBusy) else None


def _reason(error: Exception) -> str:
    """An error in words; of one of the system's, the file and what is wrong with it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{str(error.filename)!r}: {error.strerror}"
    return str(error)


def _close_engines() -> None:
    if "peerleap.engine" not in sys.modules:
        return
    from peerleap.engine import close_engines

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_at_once)
    try:
        close_engines()
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
