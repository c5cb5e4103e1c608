"""The sandbox: owner of the warm worker and of the sessions forked from it."""

import atexit
import contextlib
import warnings
import weakref

from peerleap.tools.sandbox.closing import AsyncClosing
from peerleap.tools.sandbox.errors import SandboxError, SandboxWarning
from peerleap.tools.sandbox.interpreter import Interpreter
from peerleap.tools.sandbox.launch import Walls
from peerleap.tools.sandbox.limits import Limits
from peerleap.tools.sandbox.loop_thread import LoopThread
from peerleap.tools.sandbox.pool import Pool
from peerleap.tools.sandbox.probe import SandboxReport, choose, probe
from peerleap.tools.sandbox.session import Session


class Sandbox(AsyncClosing):
    """Runs model-written Python behind walls, one stateful session per path.

    Starts nothing until the first `session()` or `warm_up()`. Usable from plain functions, several
    threads and any event loop. `close()`, the end of a `with` block, the end of the interpreter and
    the death of the process all end every process it started.

    Args:
        timeout_s: seconds of wall clock for a cell; then it is interrupted and its variables are kept.
        grace_s: seconds more for a cell that ignores that; then its process is killed.
        memory_mb: MiB of address space for each session.
        max_output: characters kept of a result, about.
        min_tier: the weakest walls that are good enough, 1 or 2 (see `SandboxReport.tier`).
        allow_unsandboxed: run all the same, with a warning, where they are weaker.
        bwrap: path of the bubblewrap program; None looks on `PATH`.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 10.0,
        grace_s: float = 1.0,
        memory_mb: int = 896,
        max_output: int = 1000,
        min_tier: int = 2,
        allow_unsandboxed: bool = False,
        bwrap: str | None = None,
        _walls: Walls | None = None,
    ) -> None:
        if min_tier not in (1, 2):
            raise ValueError(f"min_tier={min_tier!r} must be 1 or 2")
        self._limits = Limits(timeout_s, grace_s, memory_mb, max_output)
        self._min_tier = min_tier
        self._bwrap = bwrap
        self._warned = False
        self._loop_thread = LoopThread()
        self._pool = Pool(
            lambda: _walls or choose(probe(bwrap), min_tier, allow_unsandboxed=allow_unsandboxed), self._limits
        )
        self._finalizer = weakref.finalize(self, _close_soon, self._loop_thread, self._pool)
        self._finalizer.atexit = False
        _open.add(self)

    @property
    def max_output(self) -> int:
        """Characters kept of a result, about."""
        return self._limits.max_output

    @property
    def report(self) -> SandboxReport:
        """What this machine can build; probes it the first time."""
        return probe(self._bwrap)

    @property
    def walls(self) -> Walls | None:
        """What was built; None before the first start."""
        return self._pool.walls

    def warm_up(self) -> None:
        """Start the worker in the background (about a second); an error shows at the first `session()`."""
        self._loop_thread.submit(self._pool.warm_up())

    def session(self, name: str) -> Session:
        """Open a session. `SandboxUnavailable` if the walls cannot be built."""
        interpreter = Interpreter(name, self._pool, self._limits)
        self._loop_thread.call(interpreter.open())
        return self._opened(interpreter)

    async def asession(self, name: str) -> Session:
        """`session` for an event loop."""
        interpreter = Interpreter(name, self._pool, self._limits)
        await self._loop_thread.acall(interpreter.open())
        return self._opened(interpreter)

    def close(self) -> None:
        """End every session and the worker; returns when no process is left. Idempotent."""
        if self._finalizer.detach() and self._loop_thread.mine:
            with contextlib.suppress(SandboxError):
                self._loop_thread.call(self._pool.close())
            self._loop_thread.stop()

    async def aclose(self) -> None:
        """`close` for an event loop."""
        if self._finalizer.detach() and self._loop_thread.mine:
            with contextlib.suppress(SandboxError):
                await self._loop_thread.acall(self._pool.close())
            self._loop_thread.stop()

    def _opened(self, interpreter: Interpreter) -> Session:
        walls = self._pool.walls
        if walls is not None and not 0 < walls.tier <= self._min_tier and not self._warned:
            self._warned = True
            warnings.warn(
                f"model-written Python runs at tier {walls.label!r} (min_tier={self._min_tier!r}) because "
                "allow_unsandboxed=True: it can do what you can do",
                SandboxWarning,
                stacklevel=3,
            )
        return Session(interpreter, self._loop_thread, self)


_open: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _close_soon(loop_thread: LoopThread, pool: Pool) -> None:
    # The collector may call this on any thread, so nothing here waits.
    with contextlib.suppress(SandboxError):
        loop_thread.submit(pool.close()).add_done_callback(lambda _: loop_thread.stop())


@atexit.register
def _close_all() -> None:
    for sandbox in list(_open):
        sandbox.close()
