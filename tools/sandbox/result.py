"""What came of a cell, and the text of it that a model reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .worker.frames import FrameError

LOST = "SandboxRestarted"
_SHARE = 3 / 4  # of the output budget for the value or the error; standard output gets what is left
_FRAMES = 6
_FRAME_LENGTH = 500


@dataclass(frozen=True)
class CellError:
    """The exception that ended a cell."""

    type: str
    message: str
    traceback: tuple[str, ...] = ()
    """The last frames, innermost last, of cells only: no library frames, no host paths."""

    def text(self, limit: int = 1000) -> str:
        """As Python prints it; over `limit` characters the end is kept."""
        last = f"{self.type}: {self.message}" if self.message else self.type
        if not self.traceback:
            return last[-limit:]
        frames = "".join("  " + frame + "\n" for frame in self.traceback)
        whole = f"Traceback (most recent call last):\n{frames}{last}"
        return whole if len(whole) <= limit else "…" + whole[-limit:]


@dataclass(frozen=True)
class CellResult:
    """One cell's outcome. Whatever the code did, it ends as one of these."""

    stdout: str
    """Standard output and error together, the middle cut out if long."""
    value: str | None
    """`repr` of the last expression; None if there was none, or it was None."""
    error: CellError | None
    timed_out: bool
    """The cell was stopped at the time limit."""
    state_lost: bool
    """The variables of earlier cells are gone: the process had to be replaced."""
    duration_s: float
    """Wall clock, as the host saw it."""
    truncated: bool
    """Some output was cut."""

    @property
    def ok(self) -> bool:
        """Whether the cell ran to its end."""
        return self.error is None

    @property
    def printed(self) -> str:
        """What a cell that ran to its end has shown: its output and its value; empty where it showed nothing."""
        parts = [self.stdout.rstrip("\n"), self.value or ""] if self.ok else []
        return "\n".join(part for part in parts if part)

    def text(self, limit: int = 1000) -> str:
        """What the model reads: output, value, error; never empty. `limit` bounds the error, in characters."""
        parts = []
        if self.state_lost and (self.error is None or self.error.type != LOST):
            parts.append(f"{LOST}: the process ended between cells; earlier variables were lost")
        if self.stdout:
            parts.append(self.stdout.rstrip("\n"))
        if self.value is not None:
            parts.append(f"Out: {self.value}")
        if self.error is not None:
            parts.append(self.error.text(int(limit * _SHARE)))
        return "\n".join(parts) or "(no output; use print)"


@dataclass(frozen=True)
class ReplayResult:
    """How much of a lost session came back."""

    restored: int
    """Cells run again successfully, from the first."""
    total: int
    """Cells asked for."""
    reason: str
    """Why it stopped early; empty if it did not."""

    @property
    def complete(self) -> bool:
        """Whether every cell was run again."""
        return self.restored == self.total


def read_reply(
    reply: Mapping[str, Any], request: int, *, limit: int, timeout_s: float, duration_s: float
) -> CellResult:
    """Check a session's reply to `request`, field by field, and shorten it to about `limit` characters.

    `FrameError` on anything that our worker would not send: the code in a session can write to its
    socket as well.
    """
    if _typed(reply, "id", int) != request:
        raise FrameError(f"a reply to request {reply['id']!r} instead of {request!r}")
    timed_out = _typed(reply, "timed_out", bool)
    share = int(limit * _SHARE)
    error = _error(reply.get("error"), limit)
    if timed_out:
        error = CellError("TimeoutError", f"stopped after {timeout_s:g} s (variables kept)")
    value, value_cut = None, False
    if reply.get("value") is not None:
        value, value_cut = _shorten(reply["value"], share, limit)
    used = len(value or "") + (len(error.text(share)) if error else 0)
    stdout, output_cut = _shorten(reply.get("output"), max(limit - used, limit - share), limit)
    return CellResult(stdout, value, error, timed_out, False, duration_s, output_cut or value_cut)


def lost(reason: str, *, timed_out: bool, duration_s: float) -> CellResult:
    """The result of a cell whose process is gone."""
    error = CellError(LOST, f"{reason}; variables were lost")
    return CellResult("", None, error, timed_out, True, duration_s, False)


def _error(fields: object, limit: int) -> CellError | None:
    if fields is None:
        return None
    if not isinstance(fields, dict):
        raise FrameError("a reply's error is not an object")
    frames = _typed(fields, "traceback", list)[-_FRAMES:]
    if not all(isinstance(frame, str) for frame in frames):
        raise FrameError("a reply's traceback holds something else than text")
    message, _ = _shorten(fields.get("message"), int(limit * _SHARE) // 2, limit)
    traceback = tuple(_clean(frame[:_FRAME_LENGTH]) for frame in frames)
    return CellError(_clean(_typed(fields, "type", str)[:_FRAME_LENGTH]), message, traceback)


def _shorten(excerpt: object, limit: int, kept: int) -> tuple[str, bool]:
    """Head, mark and tail of an excerpt whose ends are at most `kept` long; whether anything was cut."""
    if not isinstance(excerpt, dict):
        raise FrameError("a reply holds something else than an excerpt")
    head, tail, total = _typed(excerpt, "head", str), _typed(excerpt, "tail", str), _typed(excerpt, "total", int)
    if len(head) > kept or len(tail) > kept or total < len(head) + len(tail):
        raise FrameError(f"an excerpt of {len(head)} + {len(tail)} characters claims {total}")
    if total <= limit and total == len(head) + len(tail):
        return _clean(head + tail), False
    front = head[: limit - limit // 2]
    back = (head + tail)[len(front) :][-(limit // 2) :]
    return _clean(f"{front}…[{total - len(front) - len(back)} characters cut]…{back}"), True


def _typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if type(value) is not kind:
        raise FrameError(f"a reply's {name!r} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def _clean(text: str) -> str:
    # Lone surrogates are legal in JSON and in str, but no tokenizer and no file takes them.
    return text.encode("utf-8", "replace").decode("utf-8")
