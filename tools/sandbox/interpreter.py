"""A session's state machine: one process at a time, and what to say when it had to be replaced."""

import asyncio
import zlib
from collections.abc import Sequence

from peerleap.tools.sandbox.limits import Limits, check_seconds
from peerleap.tools.sandbox.pool import Nursery
from peerleap.tools.sandbox.process import Child, ChildLost
from peerleap.tools.sandbox.replay import replay
from peerleap.tools.sandbox.result import CellError, CellResult, ReplayResult, lost, read_reply
from peerleap.tools.sandbox.turns import Turns
from peerleap.tools.sandbox.worker.frames import FrameError

_MAX_CODE = 80_000  # characters; a frame holds as many even if each is escaped


class Interpreter:
    """Runs the cells of one session. All methods belong to the keeper's thread."""

    def __init__(self, name: str, nursery: Nursery, limits: Limits) -> None:
        self.name = name
        self.history: tuple[str, ...] = ()
        """The cells that made the variables; kept after a loss until the next cell, for `replay`."""
        self._nursery = nursery
        self._limits = limits
        self._child: Child | None = None
        self._requests = 0
        self._used = False
        self._owed = False
        self._turns = Turns(name)

    async def open(self) -> None:
        """Start the process, so that the first cell need not."""
        await self._living_child()

    async def run(self, code: str, timeout_s: float | None) -> CellResult:
        """Run one cell. Cancelled, it kills the process."""
        if timeout_s is not None:
            check_seconds("timeout_s", timeout_s)
        async with self._turns.take():
            if len(code) > _MAX_CODE:
                return _refused(f"a cell of {len(code)} characters is over the limit of {_MAX_CODE}")
            child = await self._living_child()
            if not self._used:
                self.history = ()
            untold, self._owed = self._owed, False
            result = await self._ask(child, code, self._limits.timeout_s if timeout_s is None else timeout_s)
            if result.ok:
                self.history += (code,)
            if untold and not result.state_lost:
                return CellResult(**{**vars(result), "state_lost": True})
            return result

    async def replay(self, cells: Sequence[str] | None, *, max_cells: int, max_s: float) -> ReplayResult:
        """Run cells again in a fresh process, in order, until one fails or a bound is met."""
        async with self._turns.take():
            wanted = self.history if cells is None else tuple(cells)
            if self._child is not None and self._used:
                await self._nursery.end(self._child, "replaced for a replay")
            child = await self._living_child()
            self.history, self._owed = (), False

            async def again(code: str, timeout_s: float) -> CellResult:
                result = await self._ask(child, code, timeout_s)
                if result.ok:
                    self.history += (code,)
                return result

            return await replay(again, wanted, timeout_s=self._limits.timeout_s, max_cells=max_cells, max_s=max_s)

    async def close(self) -> None:
        """End the process; returns when it is gone."""
        self._turns.closed = True
        if self._child is not None:
            child, self._child = self._child, None
            await self._nursery.end(child, "the session was closed")

    async def _living_child(self) -> Child:
        if self._child is None or not self._child.alive:
            await self._bury()
            self._child = await self._nursery.fork(zlib.crc32(self.name.encode("utf-8", "replace")))
            self._used = False
        return self._child

    async def _bury(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            # A loss that no result has told of yet: a cancelled cell, or an end between two cells.
            self._owed = self._owed or self._used
            await self._nursery.end(child, "it had ended")

    async def _ask(self, child: Child, code: str, timeout_s: float) -> CellResult:
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._requests += 1
        self._used = True
        try:
            request = {"id": self._requests, "code": code, "timeout_s": timeout_s}
            reply = await child.ask(request, timeout_s + self._limits.grace_s)
            duration_s = loop.time() - start
            return read_reply(
                reply, self._requests, limit=self._limits.max_output, timeout_s=timeout_s, duration_s=duration_s
            )
        except TimeoutError:
            timed_out, reason = True, f"stopped after {timeout_s:g} s"
        except FrameError as error:
            timed_out, reason = False, f"protocol violation: {error}"
        except ChildLost as error:
            timed_out, reason = False, str(error)
        except BaseException:
            self._nursery.drop(child, "the cell was cancelled")
            raise
        # Cancelled in the wait, this result is never read: the next one has to tell of the loss.
        self._child, self._owed = None, True
        await self._nursery.end(child, reason)
        self._owed = False
        return lost(reason, timed_out=timed_out, duration_s=loop.time() - start)


def _refused(message: str) -> CellResult:
    return CellResult("", None, CellError("ValueError", message), False, False, 0.0, False)
