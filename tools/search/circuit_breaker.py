"""Stops asking an engine that keeps failing."""

import time
from collections.abc import Callable


class CircuitBreaker:
    """Open for `seconds` after `failures` in a row, or for as long as an engine asked."""

    def __init__(self, failures: int = 3, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    def open_for(self) -> float:
        """Seconds until a request makes sense again; 0 when it does now."""
        return max(0.0, self._until - self._clock())

    def worked(self) -> None:
        """Forgets earlier failures."""
        self._failures = 0

    def failed(self, retry_after: float | None = None) -> None:
        """Counts a failure; `retry_after` opens the breaker at once."""
        self._failures += 1
        if retry_after is not None:
            self._until = max(self._until, self._clock() + min(retry_after, 3600.0))
        elif self._failures >= self._limit:
            self._failures = 0
            self._until = self._clock() + self._seconds
