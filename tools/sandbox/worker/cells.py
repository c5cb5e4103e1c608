"""Runs cells one after the other in one namespace, as a notebook does."""

import ast
import io
import linecache
import signal
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from .capture import Capture, excerpt

_FRAMES_SHOWN = 6
_LINE_SHOWN = 120
_FRAME_SHOWN = 400


class CellTimeout(BaseException):
    """The soft time limit; not an `Exception`, so that `except Exception` in a cell lets it pass."""


class Cells:
    """The namespace of one session."""

    def __init__(self, max_output: int) -> None:
        self._max_output = max_output
        self._count = 0
        self._capture = Capture(max_output)
        module = types.ModuleType("__main__")
        module.__dict__.update(exit=_leave, quit=_leave)
        # Classes defined in cells look their module up by name.
        sys.modules["__main__"] = module
        self._names = module.__dict__

    def run(self, code: str, timeout_s: float) -> dict[str, Any]:
        """Run one cell; the reply's fields are output, value, error, timed_out."""
        self._count += 1
        self._capture.clear()
        sys.stdout = sys.stderr = self._capture
        sys.stdin = io.StringIO("")
        # For every cell anew, like the handler of the alarm. Python's own hooks print this machine's paths.
        sys.unraisablehook, threading.excepthook = _report_unraisable, _report_thread
        warnings.showwarning = _report_warning
        reply: dict[str, Any] = {"value": None, "error": None, "timed_out": False}
        try:
            # Values and errors are described under the same alarm: a `__repr__` can hang too.
            with _alarm(timeout_s):
                self._execute(code, f"<cell {self._count}>", reply)
        except CellTimeout:
            reply.update(value=None, error=None, timed_out=True)
        reply["output"] = self._capture.excerpt()
        return reply

    def _execute(self, code: str, filename: str, reply: dict[str, Any]) -> None:
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        try:
            value = self._evaluate(code, filename)
            if value is not None:
                self._names["_"] = value
                reply["value"] = excerpt(repr(value), self._max_output)
        except CellTimeout:
            raise
        except SystemExit as stop:
            left: object = stop.code  # may be anything that the cell has made
            if left is not None and (type(left) not in {int, bool} or left):
                reply["error"] = self._describe(stop)
        except BaseException as error:  # noqa: BLE001  whatever a cell raises is its result
            reply["error"] = self._describe(error)

    def _evaluate(self, code: str, filename: str) -> object:
        tree = ast.parse(code, filename)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, filename, "exec"), self._names)  # noqa: S102  the purpose of this file
        if not isinstance(last, ast.Expr):
            return None
        return eval(compile(ast.Expression(last.value), filename, "eval"), self._names)  # noqa: S307

    def _describe(self, error: BaseException) -> dict[str, Any]:
        kind = type(error).__name__
        try:
            message = str(error.msg if isinstance(error, SyntaxError) else error)
        except CellTimeout:
            raise
        except BaseException as second:  # noqa: BLE001  its `__str__` is the cell's code as well
            message = f"(its message raised {type(second).__name__})"
        return {
            "type": kind[:_LINE_SHOWN],
            "message": excerpt(message, self._max_output),
            "traceback": _frames(error)[-_FRAMES_SHOWN:],
        }


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    # Set for every cell anew: the one before may have changed the handler.
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _time_is_up(_signal: int, _frame: types.FrameType | None) -> NoReturn:
    raise CellTimeout


def _report_unraisable(unraisable: "sys.UnraisableHookArgs", /) -> None:
    _report("Exception ignored", unraisable.exc_value, unraisable.exc_type)


def _report_thread(args: "threading.ExceptHookArgs", /) -> None:
    if args.exc_type is not SystemExit:
        _report("Exception in a thread", args.exc_value, args.exc_type)


def _report(what: str, error: BaseException | None, kind: type[BaseException]) -> None:
    """Print an exception that no cell raises: its message, and the frames of cells only."""
    try:
        message = f": {error}" if error is not None and str(error) else ""
    except BaseException as second:  # noqa: BLE001  its `__str__` is the cell's code as well
        message = f": (its message raised {type(second).__name__})"
    frames = "".join(f"\n  {frame}" for frame in _frames(error)[-_FRAMES_SHOWN:]) if error is not None else ""
    print(f"{what}: {kind.__name__[:_LINE_SHOWN]}{message}{frames}", file=sys.stderr)


def _report_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    print(f"{category.__name__}: {message}", file=sys.stderr)


def _leave(code: object = None) -> NoReturn:
    raise SystemExit(code)


def _frames(error: BaseException) -> list[str]:
    frames = []
    step = error.__traceback__
    while step is not None:
        frames.append((step.tb_frame.f_code.co_filename, step.tb_lineno, step.tb_frame.f_code.co_name))
        step = step.tb_next
    lines = [_frame(*frame) for frame in frames if frame[0].startswith("<cell ")]
    if isinstance(error, SyntaxError) and str(error.filename).startswith("<cell ") and error.lineno:
        lines.append(_frame(str(error.filename), error.lineno, ""))
    return lines


def _frame(filename: str, line: int, function: str) -> str:
    where = f'File "{filename}", line {line}' + (f", in {function[:_LINE_SHOWN]}" if function else "")
    source = linecache.getline(filename, line).strip()[:_LINE_SHOWN]
    return (f"{where}\n    {source}" if source else where)[:_FRAME_SHOWN]
