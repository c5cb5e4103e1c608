"""Time, memory and output that a session may use."""

from dataclasses import dataclass

LONGEST_S = 1e8
"""Three years; no timer takes much more."""
_MOST_MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of every session of a sandbox; `ValueError` where one makes no sense."""

    timeout_s: float = 10.0
    """Wall clock of a cell; then it is interrupted, and its variables are kept."""
    grace_s: float = 1.0
    """Wall clock after that for a cell that ignores the interrupt; then its process is killed."""
    memory_mb: int = 896
    """Address space of a session, in MiB; numpy and sympy take about 250 of it."""
    max_output: int = 1000
    """Characters of a result that are kept, about; the middle is cut out."""

    def __post_init__(self) -> None:
        for name in ("timeout_s", "grace_s"):
            check_seconds(name, getattr(self, name))
        if self.memory_mb < 384:
            raise ValueError(f"memory_mb={self.memory_mb!r} is too little for numpy and sympy: 384 or more")
        if self.memory_mb > _MOST_MB:
            raise ValueError(f"memory_mb={self.memory_mb!r} is too large: {_MOST_MB} at most")
        # Above it, a reply full of escapes could outgrow a frame.
        if not 100 <= self.max_output <= 10_000:
            raise ValueError(f"max_output={self.max_output!r} must be between 100 and 10000 characters")


def check_seconds(name: str, value: float) -> None:
    """`ValueError` where a time limit makes no sense."""
    if not 0 < value <= LONGEST_S:
        raise ValueError(f"{name}={value!r} must be a positive number of seconds, {LONGEST_S:g} at most")
