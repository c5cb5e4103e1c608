"""How long a question's run took, also where it was killed and goes on: beside its checkpoint file.

A kill leaves no time to note anything, so the beginning is noted, and the checkpoint's own last change says how far the
process came: what was done after it is done again.
"""

import json
import time
from pathlib import Path

Span = tuple[float, float]
"""Start, as seconds since 1970, and length in seconds."""


class Clock:
    """The time of one question's run on the checkpoint file `checkpoint`; begins when it is made."""

    def __init__(self, checkpoint: Path) -> None:
        self._file = checkpoint.with_name(f"{checkpoint.name}.clock")
        self.earlier = self._read(checkpoint)
        """What processes that were stopped spent on it."""
        self.started, self._begun = time.time(), time.monotonic()
        self._write()

    @property
    def seconds(self) -> float:
        """What this process has spent on it."""
        return time.monotonic() - self._begun

    def _read(self, checkpoint: Path) -> list[Span]:
        try:
            noted = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return []
        spans = [(float(start), float(length)) for start, length in noted["earlier"]]
        reached = max((_changed(checkpoint.with_name(checkpoint.name + end)) for end in ("", "-wal")), default=0.0)
        length = round(reached - noted["started"], 3)
        return [*spans, (noted["started"], length)] if length > 0 else spans

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a torn file would lose the time that others have spent.
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps({"started": round(self.started, 3), "earlier": self.earlier}))
        new.replace(self._file)


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
