"""A session's state machine: one process at a time, and what the next result says where it was replaced."""

import asyncio
import secrets
import zlib
from collections.abc import Sequence

from peerleap.tools.sandbox.limits import Limits, check_seconds
from peerleap.tools.sandbox.pool import Pool
from peerleap.tools.sandbox.process import Process, ProcessLost
from peerleap.tools.sandbox.result import CellError, CellResult, ReplayResult, clean, lost, read_reply
from peerleap.tools.sandbox.turns import Turns, replay
from peerleap.tools.sandbox.worker.frames import FrameError

_ID_BITS = 62
_LONGEST_REASON = 300
_MAX_CODE = 80_000  # characters; a frame holds as many even if each is escaped


class Interpreter:
    """Runs the cells of one session. All methods belong to the loop_thread's thread."""

    def __init__(self, name: str, pool: Pool, limits: Limits) -> None:
        self.name = name
        self.history: tuple[str, ...] = ()
        """The cells that made the variables; kept after a loss until the next cell, for `replay`."""
        self._pool = pool
        self._limits = limits
        self._process: Process | None = None
        self._used = False
        self._loss_unreported = False
        self._turns = Turns(name)

    async def open(self) -> None:
        """Start the process, so that the first cell need not."""
        await self._living_process()

    async def run(self, code: str, timeout_s: float | None) -> CellResult:
        """Run one cell. Cancelled, it kills the process."""
        if timeout_s is not None:
            check_seconds("timeout_s", timeout_s)
        async with self._turns.take():
            if len(code) > _MAX_CODE:
                return _refused(f"a cell of {len(code)} characters is over the limit of {_MAX_CODE}")
            process = await self._living_process()
            if not self._used:
                self.history = ()
            unreported, self._loss_unreported = self._loss_unreported, False
            result = await self._ask(process, code, self._limits.timeout_s if timeout_s is None else timeout_s)
            if result.ok:
                self.history += (code,)
            if unreported and not result.state_lost:
                return CellResult(**{**vars(result), "state_lost": True})
            return result

    async def replay(self, cells: Sequence[str] | None, *, max_cells: int, max_s: float) -> ReplayResult:
        """Run cells again in a fresh process, in order, until one fails or a bound is met."""
        async with self._turns.take():
            wanted = self.history if cells is None else tuple(cells)
            if self._process is not None and self._used:
                await self._pool.end(self._process, "replaced for a replay")
            process = await self._living_process()
            self.history, self._loss_unreported = (), False

            async def again(code: str, timeout_s: float) -> CellResult:
                result = await self._ask(process, code, timeout_s)
                if result.ok:
                    self.history += (code,)
                return result

            return await replay(again, wanted, timeout_s=self._limits.timeout_s, max_cells=max_cells, max_s=max_s)

    async def close(self) -> None:
        """End the process; returns when it is gone."""
        self._turns.closed = True
        if self._process is not None:
            process, self._process = self._process, None
            await self._pool.end(process, "the session was closed")

    async def _living_process(self) -> Process:
        if self._process is None or not self._process.alive:
            await self._discard_dead()
            self._process = await self._pool.fork(zlib.crc32(self.name.encode("utf-8", "replace")))
            self._used = False
        return self._process

    async def _discard_dead(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            # A loss that no result has reported yet: a cancelled cell, or an end between two cells.
            self._loss_unreported = self._loss_unreported or self._used
            await self._pool.end(process, "it had ended")

    async def _ask(self, process: Process, code: str, timeout_s: float) -> CellResult:
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._used = True
        # Not to be guessed: a thread that an earlier cell left behind must not answer this one.
        number = secrets.randbits(_ID_BITS)
        try:
            request = {"id": number, "code": code, "timeout_s": timeout_s}
            reply = await process.ask(request, timeout_s + self._limits.grace_s)
            duration_s = loop.time() - start
            if "failed" not in reply:
                limit = self._limits.max_output
                return read_reply(reply, number, limit=limit, timeout_s=timeout_s, duration_s=duration_s)
            timed_out, reason = False, f"the Python process failed: {clean(str(reply['failed']))[:_LONGEST_REASON]}"
        except TimeoutError:
            timed_out, reason = True, f"stopped after {timeout_s:g} s"
        except FrameError as error:
            timed_out, reason = False, f"protocol violation: {error}"
        except ProcessLost as error:
            timed_out, reason = False, str(error)
        except BaseException:
            self._pool.drop(process, "the cell was cancelled")
            raise
        # Cancelled in the wait, this result is never read: the next one has to report the loss.
        self._process, self._loss_unreported = None, True
        await self._pool.end(process, reason)
        self._loss_unreported = False
        return lost(reason, timed_out=timed_out, duration_s=loop.time() - start)


def _refused(message: str) -> CellResult:
    return CellResult("", None, CellError("ValueError", message), False, False, 0.0, False)
