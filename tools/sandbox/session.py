"""A Python session as its user sees it."""

import contextlib
import weakref
from collections.abc import Sequence

from peerleap.tools.sandbox.closing import AsyncClosing
from peerleap.tools.sandbox.errors import SandboxError
from peerleap.tools.sandbox.interpreter import Interpreter
from peerleap.tools.sandbox.loop_thread import LoopThread
from peerleap.tools.sandbox.result import CellResult, ReplayResult


class Session(AsyncClosing):
    """One path's Python: cells share variables, as in a notebook.

    Plain methods block; those with `a` in front are for any event loop. One cell at a time:
    a second one meanwhile is a `SandboxError`. After `close()` every call is a `SandboxClosed`.
    """

    def __init__(self, interpreter: Interpreter, loop_thread: LoopThread, owner: object) -> None:
        self._interpreter = interpreter
        self._loop_thread = loop_thread
        # A sandbox that is collected ends its sessions, so each keeps it alive.
        self._owner = owner
        weakref.finalize(self, _forget, loop_thread, interpreter).atexit = False

    @property
    def name(self) -> str:
        """The name it was opened with; its random generators are seeded from it."""
        return self._interpreter.name

    @property
    def history(self) -> tuple[str, ...]:
        """The cells that ran to their end and so made the variables.

        After a loss it still holds the lost cells, until the next one runs: see `replay`.
        """
        return self._interpreter.history

    def run(self, code: str, *, timeout_s: float | None = None) -> CellResult:
        """Run one cell of Python; whatever it does ends as a result. `timeout_s`: seconds, None: the sandbox's."""
        return self._loop_thread.call(self._interpreter.run(code, timeout_s))

    async def arun(self, code: str, *, timeout_s: float | None = None) -> CellResult:
        """`run` for an event loop. Cancelling it kills the session's process; the next cell gets a new one."""
        return await self._loop_thread.acall(self._interpreter.run(code, timeout_s))

    def replay(self, cells: Sequence[str] | None = None, *, max_cells: int = 32, max_s: float = 30.0) -> ReplayResult:
        """Rebuild the variables in a fresh process by running cells again, without showing their output.

        `cells`: None means `history`. Stops at the first that fails and after `max_cells` cells or
        `max_s` seconds; what ran until then stays.
        """
        return self._loop_thread.call(self._interpreter.replay(cells, max_cells=max_cells, max_s=max_s))

    async def areplay(
        self, cells: Sequence[str] | None = None, *, max_cells: int = 32, max_s: float = 30.0
    ) -> ReplayResult:
        """`replay` for an event loop."""
        return await self._loop_thread.acall(self._interpreter.replay(cells, max_cells=max_cells, max_s=max_s))

    def close(self) -> None:
        """End the process; returns when it is gone. Idempotent."""
        with contextlib.suppress(SandboxError):
            self._loop_thread.call(self._interpreter.close())

    async def aclose(self) -> None:
        """`close` for an event loop."""
        with contextlib.suppress(SandboxError):
            await self._loop_thread.acall(self._interpreter.close())


def _forget(loop_thread: LoopThread, interpreter: Interpreter) -> None:
    # The collector may call this on any thread, so nothing here waits.
    with contextlib.suppress(SandboxError):
        loop_thread.submit(interpreter.close())
