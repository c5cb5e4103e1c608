"""One cell of a session at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError


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
            # Whoever cancelled it has been let go already: the next cell waits until its process is gone.
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
