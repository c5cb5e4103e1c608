"""What one path may spend on tools, and what it has spent."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What one path may spend on tools.

    Raises:
        ValueError: a limit is negative, or no number.
    """

    calls: int = 8
    """Calls per path."""
    seconds: float = 10.0
    """Seconds per call; `inf` is no limit."""
    chars: int = 1000
    """Characters of one result; a tool's `metadata["max_chars"]` takes precedence."""
    path_seconds: float = 60.0
    """Seconds of all calls of a path together; `inf` is no limit."""

    def __post_init__(self) -> None:
        for name in ("calls", "chars"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)!r} is negative")
        for name in ("seconds", "path_seconds"):
            if not getattr(self, name) > 0 or math.isnan(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)!r} is not above 0 seconds")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a path has spent on tools so far; plain data for the graph's state."""

    calls: int = 0
    seconds: float = 0.0
    last: str = ""
    """Digest of the last call's name and arguments."""
