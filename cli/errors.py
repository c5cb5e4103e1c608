import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what a user can mend into one line and an exit code, and shut the engines down whatever happens.

    2: the input, a setting or the model is not usable; 1: the run failed; 130: Ctrl-C.
    """
    from peerleap.engine import EngineError, close_engines
    from peerleap.graph import AllPathsFailed, CheckpointError, ThreadBusy

    try:
        yield
    except (ValueError, EngineError, AllPathsFailed, CheckpointError, ThreadBusy) as error:
        print(f"peerleap: {error}", file=sys.stderr)
        raise typer.Exit(BAD_INPUT if isinstance(error, ValueError) else FAILED) from error
    except KeyboardInterrupt as stop:
        print(f"peerleap: {str(stop) or 'stopped'}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        close_engines()
