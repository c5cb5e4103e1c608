"""One cell of a session at a time, and cells run again for their variables."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError
from peerleap.tools.sandbox.result import CellResult, ReplayResult


class Turns:
    """Who runs a cell of the session `name`; all its turns are on one event loop."""

    def __init__(self, name: str) -> None:
        self.closed = False
        self._name = name
        self._running: asyncio.Task[Any] | None = None

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Hold the session while a cell runs.

        Raises:
            SandboxClosed: the session is closed.
            SandboxError: another cell runs, and was not cancelled.
        """
        if self._running is not None and self._running.cancelling():
            # The cancelled caller has already returned: the next cell waits until its process is gone.
            await asyncio.wait({self._running})
        if self.closed:
            raise SandboxClosed(f"session {self._name!r} is closed")
        if self._running is not None:
            raise SandboxError(f"session {self._name!r} is already running a cell")
        self._running = asyncio.current_task()
        try:
            yield
        finally:
            self._running = None


async def replay(
    run: Callable[[str, float], Awaitable[CellResult]],
    cells: Sequence[str],
    *,
    timeout_s: float,
    max_cells: int,
    max_s: float,
) -> ReplayResult:
    """Run cells again, in order, to get their variables back, until one fails or a bound is met.

    Args:
        run: runs one cell within so many seconds.
        cells: their code.
        timeout_s: seconds of one cell.
        max_cells: most cells to run.
        max_s: seconds of all of them.

    Returns:
        How many cells ran, and why not all.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max_s
    for done, code in enumerate(cells):
        left = deadline - loop.time()
        if done >= max_cells or left <= 0:
            return ReplayResult(done, len(cells), f"the bound of {max_cells} cells and {max_s:g} s was met")
        result = await run(code, min(left, timeout_s))
        if result.error is not None:
            return ReplayResult(done, len(cells), f"cell {done + 1} failed: {result.error.text()}")
    return ReplayResult(len(cells), len(cells), "")
