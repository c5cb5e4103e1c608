"""A cell's outcome, checked, and as text for the model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peerleap.tools.sandbox.worker.frames import FrameError

LOST = "SandboxRestarted"
_SHARE = 3 / 4  # of the output budget for the value or the error; standard output gets what is left
_FRAMES = 6
_FRAME_LENGTH = 500
_TOTAL_BITS = 64  # a number of thousands of digits would itself be more than may be shown
_DIGEST_LENGTH = 64  # hexadecimal digits of SHA-256


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
    sha256: str = ""
    """Where something was cut: digest of all that the cell has shown, what was cut included; else empty."""

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
    """Check a session's reply field by field: the code in a session can write to its socket, too.

    Args:
        reply: the frame.
        request: the number of the cell.
        limit: characters of the result, about.
        timeout_s: the cell's time limit, in seconds.
        duration_s: how long it took by the host's clock, in seconds.

    Returns:
        The result, shortened.

    Raises:
        FrameError: the frame is nothing that our worker would send.
    """
    if _typed(reply, "id", int) != request:
        raise FrameError(f"a reply to request {reply['id']!r} instead of {request!r}")
    # The host's clock decides: code in the session can swallow its own time limit, and can claim one.
    if _typed(reply, "timed_out", bool) and duration_s < timeout_s:
        raise FrameError(f"a reply claims a time limit of {timeout_s:g} s after {duration_s:.3g} s")
    timed_out = duration_s >= timeout_s
    share = int(limit * _SHARE)
    error, error_cut, error_sha256 = _error(reply.get("error"), limit)
    if timed_out:
        error = CellError("TimeoutError", f"stopped after {timeout_s:g} s (variables kept)")
    value, value_cut, value_sha256 = None, False, ""
    if reply.get("value") is not None and not timed_out:
        value, value_cut, value_sha256 = _shorten(reply["value"], share, limit)
    used = len(value or "") + (len(error.text(share)) if error else 0)
    stdout, output_cut, output_sha256 = _shorten(reply.get("output"), max(limit - used, limit - share), limit)
    truncated = output_cut or value_cut
    whole = digest_of(output_sha256, value_sha256, error_sha256) if truncated or error_cut else ""
    return CellResult(stdout, value, error, timed_out, False, duration_s, truncated, whole)


def digest_of(*parts: str) -> str:
    """SHA-256 of several texts, kept apart by their lengths, as hexadecimal digits."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8))
        whole.update(data)
    return whole.hexdigest()


def lost(reason: str, *, timed_out: bool, duration_s: float) -> CellResult:
    """The result of a cell whose process is gone, for `reason`."""
    error = CellError(LOST, f"{reason}; variables were lost")
    return CellResult("", None, error, timed_out, True, duration_s, False)


def _error(fields: object, limit: int) -> tuple[CellError | None, bool, str]:
    """The error, whether its message was cut, and the digest of the message."""
    if fields is None:
        return None, False, ""
    if not isinstance(fields, dict):
        raise FrameError("a reply's error is not an object")
    frames = _typed(fields, "traceback", list)[-_FRAMES:]
    if not all(isinstance(frame, str) for frame in frames):
        raise FrameError("a reply's traceback holds something else than text")
    message, cut, sha256 = _shorten(fields.get("message"), int(limit * _SHARE) // 2, limit)
    traceback = tuple(clean(frame[:_FRAME_LENGTH]) for frame in frames)
    return CellError(clean(_typed(fields, "type", str)[:_FRAME_LENGTH]), message, traceback), cut, sha256


def _shorten(excerpt: object, limit: int, most: int) -> tuple[str, bool, str]:
    """Head, mark and tail of an excerpt whose ends are at most `most` long; whether anything was cut; its digest."""
    if not isinstance(excerpt, dict):
        raise FrameError("a reply holds something else than an excerpt")
    head, tail, total = _typed(excerpt, "head", str), _typed(excerpt, "tail", str), _typed(excerpt, "total", int)
    if total.bit_length() > _TOTAL_BITS:
        raise FrameError("an excerpt claims more characters than there can be")
    if len(head) > most or len(tail) > most or total < len(head) + len(tail):
        raise FrameError(f"an excerpt of {len(head)} + {len(tail)} characters claims {total}")
    sha256 = _typed(excerpt, "sha256", str)
    if len(sha256) != _DIGEST_LENGTH:
        raise FrameError(f"an excerpt's digest has {len(sha256)} characters")
    if total <= limit and total == len(head) + len(tail):
        return clean(head + tail), False, sha256
    front = head[: limit - limit // 2]
    back = (head + tail)[len(front) :][-(limit // 2) :]
    return clean(f"{front}…[{total - len(front) - len(back)} characters cut]…{back}"), True, sha256


def _typed(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if type(value) is not kind:
        raise FrameError(f"a reply's {name!r} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def clean(text: str) -> str:
    """Replace lone surrogates: they are legal in JSON and in str, but no tokenizer and no file takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")
