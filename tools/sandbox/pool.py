"""Where the processes of sessions come from, and who sees them gone."""

import asyncio
from collections.abc import Callable, Coroutine

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxUnavailable
from peerleap.tools.sandbox.fork_server import ForkServer
from peerleap.tools.sandbox.launch import Walls
from peerleap.tools.sandbox.limits import Limits
from peerleap.tools.sandbox.process import Process, ProcessLost

_BIRTH_TIMEOUT_S = 60
# A killed process still needs the processor to die; on a busy machine, at low priority, it may wait for it.
_DEATH_TIMEOUT_S = 30
_DYING_S = 5


class Pool:
    """One warm fork server for all sessions or, where nothing else keeps them apart, one for each.

    All methods belong to the loop_thread's thread.
    """

    def __init__(self, choose_walls: Callable[[], Walls], limits: Limits) -> None:
        self._choose_walls = choose_walls
        self._limits = limits
        self._warm: asyncio.Task[ForkServer] | None = None
        self._homes: dict[Process, ForkServer] = {}
        # Ends that nobody may wait for any more, but that have to be seen through.
        self._dying: set[asyncio.Task[None]] = set()
        self._closed = False
        self.walls: Walls | None = None
        """What was built; None before the first start."""

    async def warm_up(self) -> ForkServer:
        """The fork server for the next session, started if there is none that lives."""
        if self._closed:
            raise SandboxClosed("the sandbox is closed")
        if self._warm is not None and self._warm.done() and not _lives(self._warm):
            await _end(self._warm)
            self._warm = None
        if self._warm is None:
            self.walls = self._choose_walls()
            limits = self._limits
            self._warm = asyncio.create_task(
                ForkServer.start(self.walls, memory_mb=limits.memory_mb, max_output=limits.max_output)
            )
        # Shielded: one session that is cancelled must not take away the fork server that others wait for.
        return await asyncio.shield(self._warm)

    async def fork(self, seed: int) -> Process:
        """A locked-down session process. `SandboxUnavailable` if its walls are not those promised."""
        fork_server = await self._claim()
        try:
            return await self._fork(fork_server, seed)
        except SandboxUnavailable:
            # It may be dying and not yet dead: then, and only then, another one can do better.
            if not (fork_server.unreachable or await fork_server.ended(_DYING_S) or fork_server.unreachable):
                raise
            self._give_up(fork_server)
        return await self._fork(await self._claim(), seed)

    async def _claim(self) -> ForkServer:
        """The fork server for one session; where sessions must not share one, nobody else gets it."""
        while True:
            fork_server = await self.warm_up()
            assert self.walls is not None
            if self.walls.shared:
                return fork_server
            if fork_server is self._current():  # else another session that waited for it was faster
                self._warm = None
                return fork_server

    def _give_up(self, fork_server: ForkServer) -> None:
        """See to its end in the background: on a busy machine its processes may take long to die."""
        if fork_server is self._current():
            self._warm = None
        fork_server.kill()
        self._see_through(fork_server.close())

    def _see_through(self, end: Coroutine[None, None, None]) -> asyncio.Task[None]:
        ending = asyncio.create_task(end)
        self._dying.add(ending)
        ending.add_done_callback(self._dying.discard)
        return ending

    async def _fork(self, fork_server: ForkServer, seed: int) -> Process:
        assert self.walls is not None
        try:
            process = await fork_server.fork(seed)
        except OSError as error:
            raise SandboxUnavailable(f"the worker takes no orders: {error}") from error
        self._homes[process] = fork_server
        try:
            answer = await process.ask(None, _BIRTH_TIMEOUT_S)
            _check(answer, self.walls)
        except (ProcessLost, TimeoutError) as error:
            await self.end(process, "it did not start")
            raise SandboxUnavailable(f"a session did not start: {error or 'no answer'}") from error
        except BaseException:
            self.drop(process, "it was not wanted any more")
            self._see_through(self._end(process))
            raise
        return process

    def drop(self, process: Process, reason: str) -> None:
        """End a process without waiting for it."""
        process.kill(reason)
        fork_server = self._homes.get(process)
        if fork_server is not None and self.walls is not None and not self.walls.shared:
            fork_server.kill()

    async def end(self, process: Process, reason: str) -> None:
        """End a process; returns when it is gone. Cancelled, it still closes what belongs to it."""
        self.drop(process, reason)
        await asyncio.shield(self._see_through(self._end(process)))

    async def _end(self, process: Process) -> None:
        fork_server = self._homes.pop(process, None)
        gone, _ = await asyncio.wait([process.gone], timeout=_DEATH_TIMEOUT_S)
        if fork_server is not None:
            if not gone:
                fork_server.kill()
            if fork_server is not self._current():
                await self._close_if_empty(fork_server)
        process.abandon()

    async def close(self) -> None:
        """End everything; returns when no process is left. Idempotent."""
        self._closed = True
        fork_servers = set(self._homes.values())
        if self._warm is not None:
            if not self._warm.done():
                self._warm.cancel()
            await asyncio.wait([self._warm])
            if current := self._current():
                fork_servers.add(current)
        processes, self._homes, self._warm = list(self._homes), {}, None
        for fork_server in fork_servers:
            await fork_server.close()
        await asyncio.gather(*self._dying)
        for process in processes:
            process.abandon()

    def _current(self) -> ForkServer | None:
        if self._warm is None or not self._warm.done() or self._warm.cancelled() or self._warm.exception():
            return None
        return self._warm.result()

    async def _close_if_empty(self, fork_server: ForkServer) -> None:
        if fork_server not in self._homes.values():
            await fork_server.close()


def _lives(task: asyncio.Task[ForkServer]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().alive


async def _end(task: asyncio.Task[ForkServer]) -> None:
    if not task.cancelled() and task.exception() is None:
        await task.result().close()


def _check(answer: dict[str, object], walls: Walls) -> None:
    built = answer.get("ready")
    if not isinstance(built, dict):
        raise ProcessLost(str(answer.get("failed")))
    if bool(built.get("landlock")) != walls.landlock or bool(built.get("seccomp")) != walls.seccomp:
        raise ProcessLost(f"its walls are {built!r}, not {walls!r}")
