"""A polite pace, shared by every path, graph and event loop of the process."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class RateLimit:
    """At most `concurrent` turns at a time, begun at least `interval_s` apart.

    Not `asyncio.Semaphore`, which belongs to one event loop: `graph.invoke` starts a loop per call.
    """

    def __init__(self, concurrent: int = 2, interval_s: float = 1.0) -> None:
        if concurrent < 1:
            raise ValueError(f"concurrent={concurrent!r} lets no request through")
        self._slots = threading.Semaphore(concurrent)
        self._interval = interval_s
        self._lock = threading.Lock()
        self._next = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn and holds it."""
        while not self._slots.acquire(blocking=False):  # noqa: ASYNC110 - an event belongs to one loop
            await asyncio.sleep(0.02)
        try:
            with self._lock:
                now = time.monotonic()
                begin = max(now, self._next)
                self._next = begin + self._interval
            await asyncio.sleep(begin - now)
            yield
        finally:
            self._slots.release()
