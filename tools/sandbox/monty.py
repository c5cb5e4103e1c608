"""Python without Linux: pydantic's Monty, an interpreter of a part of the language, in a process for each session.

No kernel walls stand around that process: what holds is that the interpreter knows no files, no network, no programs
and no modules but a few of its own. See docs/sandbox.md.
"""

import asyncio
import contextlib
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from peerleap.tools.sandbox.closing import Closing
from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError
from peerleap.tools.sandbox.loop_thread import LoopThread
from peerleap.tools.sandbox.result import CellError, CellResult, ReplayResult, digest_of, lost
from peerleap.tools.sandbox.turns import Turns, replay
from peerleap.tools.untrusted import shorten

_PRINTED = 64_000  # characters of output; a cell that goes on behind them is stopped
_LOOK_S = 0.05  # seconds between two looks at how much there is
_FRAMES = 6
_MOST_SESSIONS = 1024


class MontySandbox(Closing):
    """Sessions of Monty (extra `monty`), with the methods of `Sandbox` that the `python` tool needs.

    Args:
        timeout_s: seconds of a cell; then its process is killed, and its variables are gone.
        memory_mb: MiB of values in a session. The value of a cell's last expression is copied into this process.
        max_output: characters kept of a result, about.
    """

    def __init__(self, *, timeout_s: float = 10.0, memory_mb: int = 256, max_output: int = 1000) -> None:
        if importlib.util.find_spec("pydantic_monty") is None:
            raise ImportError("python(backend='monty') needs its package: pip install 'peerleap[monty]'")
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ValueError(f"timeout_s={timeout_s!r} must be a positive number of seconds")
        if not 8 <= memory_mb <= 4096:
            raise ValueError(f"memory_mb={memory_mb!r} must be between 8 and 4096")
        if not 100 <= max_output <= 10_000:
            raise ValueError(f"max_output={max_output!r} must be between 100 and 10000 characters")
        self._timeout_s, self._memory_mb, self._max_output = timeout_s, memory_mb, max_output
        self._loop_thread = LoopThread()
        self._pool: Any = None
        self._changing: asyncio.Lock | None = None
        self._closed = False

    @property
    def max_output(self) -> int:
        """Characters kept of a result, about."""
        return self._max_output

    def warm_up(self) -> None:
        """Start the first process in the background; an error shows at the first cell."""
        self._loop_thread.submit(self._opened())

    async def asession(self, name: str) -> "MontySession":
        """A session; its process starts with its first cell."""
        return MontySession(name, self)

    def close(self) -> None:
        """End every process. Idempotent."""
        with contextlib.suppress(SandboxError):
            self._loop_thread.call(self._end())
        self._loop_thread.stop()

    async def _opened(self) -> Any:
        """The pool of processes; on the loop_thread's thread."""
        from pydantic_monty import AsyncMonty

        async with self._lock:
            if self._closed:
                raise SandboxClosed("the sandbox is closed")
            if self._pool is None:
                pool = AsyncMonty(max_processes=_MOST_SESSIONS)
                await pool.__aenter__()
                self._pool = pool
        return self._pool

    async def _end(self) -> None:
        # One that is being started at this moment is waited for, and then ended.
        async with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
            if pool is not None:
                await pool.__aexit__(None, None, None)

    @property
    def _lock(self) -> asyncio.Lock:
        self._changing = self._changing or asyncio.Lock()
        return self._changing


class MontySession:
    """One path's variables. One cell at a time; after `close()` every call is a `SandboxClosed`."""

    def __init__(self, name: str, owner: MontySandbox) -> None:
        self.name = name
        self._owner = owner
        self._session: Any = None
        self._turns = Turns(name)

    async def arun(self, code: str, *, timeout_s: float | None = None) -> CellResult:
        """Run one cell; whatever it does ends as a result. Cancelling it kills the session's process."""
        return await self._owner._loop_thread.acall(self._run(code, timeout_s or self._owner._timeout_s))

    async def areplay(self, cells: Sequence[str], *, max_cells: int = 32, max_s: float = 30.0) -> ReplayResult:
        """Rebuild the variables by running cells again; stops at the first that fails, and at the bounds."""
        return await replay(
            lambda code, left: self.arun(code, timeout_s=left),
            cells, timeout_s=self._owner._timeout_s, max_cells=max_cells, max_s=max_s,
        )  # fmt: skip

    def close(self) -> None:
        """End the process. Idempotent."""
        self._turns.closed = True
        with contextlib.suppress(SandboxError):
            self._owner._loop_thread.call(self._drop())

    async def _run(self, code: str, timeout_s: float) -> CellResult:
        async with self._turns.take():
            return await self._ask(code, timeout_s)

    async def _ask(self, code: str, timeout_s: float) -> CellResult:
        from pydantic_monty import CollectString, MontyCrashedError, MontyError

        session = await self._living()
        printed = CollectString(8 * _PRINTED)  # bytes; what comes before the next look, and is dropped
        loop = asyncio.get_running_loop()
        began = loop.time()
        value: str | None = None
        error: CellError | None = None
        message = ""
        try:
            async with asyncio.timeout(timeout_s):
                value = _shown(await _fed(session, code, printed))
        except TimeoutError:
            # Cancelled in the middle, the process is gone.
            await self._drop()
            return lost(f"stopped after {timeout_s:g} s", timed_out=True, duration_s=loop.time() - began)
        except _Flood:
            await self._drop()
            result = lost(
                f"stopped after {_PRINTED} characters of output", timed_out=False, duration_s=loop.time() - began
            )
            return replace(result, stdout=shorten(printed.output, self._owner._max_output // 4), truncated=True)
        except MontyCrashedError as crash:
            await self._drop()
            return lost(str(crash)[:200], timed_out=False, duration_s=loop.time() - began)
        except MontyError as failed:
            error, message = _error(failed, self._owner._max_output)
        except BaseException:
            await self._drop()
            raise
        most = self._owner._max_output
        shown = None if value is None else shorten(value, most * 3 // 4)
        used = len(shown or "") + (len(error.text(most)) if error else 0)
        output = shorten(printed.output, max(most - used, most // 4))
        cut = (output, shown) != (printed.output, value)
        whole = cut or (error is not None and error.message != message)
        sha256 = digest_of(printed.output, value or "", message) if whole else ""
        return CellResult(output, shown, error, False, False, loop.time() - began, cut, sha256)

    async def _living(self) -> Any:
        if self._session is None:
            pool = await self._owner._opened()
            session = pool.checkout(limits={"max_memory": self._owner._memory_mb << 20})
            await session.__aenter__()
            self._session = session
        return self._session

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):  # a process that was killed cannot be given back
                await session.__aexit__(None, None, None)


class _Flood(Exception):
    """A cell has printed more than it may, and has not come to its end."""


async def _fed(session: Any, code: str, printed: Any) -> Any:
    """The value of a cell. The interpreter notices too much output at the cell's end only: so we look, and `_Flood`."""
    feed = asyncio.ensure_future(session.feed_run(code, print_callback=printed))
    try:
        while not (await asyncio.wait({feed}, timeout=_LOOK_S))[0]:
            if len(printed.output) > _PRINTED:
                raise _Flood
        return feed.result()
    finally:
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - an integer of too many digits, a list that is nested too deeply
        return f"({type(error).__name__}: {error})"


def _error(failed: Any, most: int) -> tuple[CellError, str]:
    """What the model reads of an error: its type, its message, and where in which cell; and the whole message."""
    kind, _, message = str(failed.display("type-msg") if hasattr(failed, "display") else failed).partition(": ")
    frames = [_frame(frame) for frame in (failed.traceback() if hasattr(failed, "traceback") else ())[-_FRAMES:]]
    return CellError(kind[:500], shorten(message, most // 2), tuple(frames)), message


def _frame(frame: Any) -> str:
    # Monty counts a session's cells from 0, the worker of the other sandbox from 1.
    number = str(frame.filename).removeprefix("<python-input-").removesuffix(">")
    name = f"<cell {int(number) + 1}>" if number.isdecimal() else str(frame.filename)
    where = f'File "{name}", line {frame.line}' + (f", in {frame.function_name}" if frame.function_name else "")
    return (f"{where}\n    {frame.source_line.strip()}" if frame.source_line else where)[:500]
