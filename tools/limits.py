"""What one path may spend on tools, and what it has spent."""

import math
from dataclasses import dataclass

_MOST = {"calls": 100_000, "chars": 1_000_000, "seconds": 86_400, "path_seconds": 86_400}


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What one path may spend on tools.

    Raises:
        ValueError: a limit is negative, no number, or larger than any run can use.
    """

    calls: int = 8
    """Calls per path, at most 100,000."""
    seconds: float = 10.0
    """Seconds per call, at most a day."""
    chars: int = 1000
    """Characters of one result, at most 1,000,000; a tool's `metadata["max_chars"]` takes precedence."""
    path_seconds: float = 60.0
    """Seconds of all calls of a path together, at most a day."""

    def __post_init__(self) -> None:
        for name in ("calls", "chars"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r} is negative")
        for name in ("seconds", "path_seconds"):
            if not getattr(self, name) > 0 or math.isnan(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r} is not above 0 seconds")
        for name, most in _MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name}={getattr(self, name):.9g} is too large: {most} at most")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a path has spent on tools so far; plain data for the graph's state."""

    calls: int = 0
    seconds: float = 0.0
    last: str = ""
    """Digest of the last call's name and arguments."""
