"""Where the processes of sessions come from, and who sees them gone."""

import asyncio
from collections.abc import Callable, Coroutine

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxUnavailable
from peerleap.tools.sandbox.fork_server import Zygote
from peerleap.tools.sandbox.launch import Walls
from peerleap.tools.sandbox.limits import Limits
from peerleap.tools.sandbox.process import Child, ChildLost

_BIRTH_TIMEOUT_S = 60
# A killed process still needs the processor to die; on a busy machine, at low priority, it may wait for it.
_DEATH_TIMEOUT_S = 30
_DYING_S = 5


class Nursery:
    """One warm zygote for all sessions or, where nothing else keeps them apart, one for each.

    All methods belong to the keeper's thread.
    """

    def __init__(self, choose_walls: Callable[[], Walls], limits: Limits) -> None:
        self._choose_walls = choose_walls
        self._limits = limits
        self._warm: asyncio.Task[Zygote] | None = None
        self._homes: dict[Child, Zygote] = {}
        # Ends that nobody may wait for any more, but that have to be seen through.
        self._dying: set[asyncio.Task[None]] = set()
        self._closed = False
        self.walls: Walls | None = None
        """What was built; None before the first start."""

    async def warm_up(self) -> Zygote:
        """The zygote for the next session, started if there is none that lives."""
        if self._closed:
            raise SandboxClosed("the sandbox is closed")
        if self._warm is not None and self._warm.done() and not _lives(self._warm):
            await _end(self._warm)
            self._warm = None
        if self._warm is None:
            self.walls = self._choose_walls()
            limits = self._limits
            self._warm = asyncio.create_task(
                Zygote.start(self.walls, memory_mb=limits.memory_mb, max_output=limits.max_output)
            )
        # Shielded: one session that is cancelled must not take away the zygote that others wait for.
        return await asyncio.shield(self._warm)

    async def fork(self, seed: int) -> Child:
        """A locked-down session process. `SandboxUnavailable` if its walls are not those promised."""
        zygote = await self._claim()
        try:
            return await self._fork(zygote, seed)
        except SandboxUnavailable:
            # It may be dying and not yet dead: then, and only then, another one can do better.
            if not (zygote.deaf or await zygote.ended(_DYING_S) or zygote.deaf):
                raise
            self._give_up(zygote)
        return await self._fork(await self._claim(), seed)

    async def _claim(self) -> Zygote:
        """The zygote for one session; where sessions must not share one, nobody else gets it."""
        while True:
            zygote = await self.warm_up()
            assert self.walls is not None
            if self.walls.shared:
                return zygote
            if zygote is self._current():  # else another session that waited for it was faster
                self._warm = None
                return zygote

    def _give_up(self, zygote: Zygote) -> None:
        """See to its end in the background: on a busy machine its processes may take long to die."""
        if zygote is self._current():
            self._warm = None
        zygote.kill()
        self._see_through(zygote.close())

    def _see_through(self, end: Coroutine[None, None, None]) -> asyncio.Task[None]:
        ending = asyncio.create_task(end)
        self._dying.add(ending)
        ending.add_done_callback(self._dying.discard)
        return ending

    async def _fork(self, zygote: Zygote, seed: int) -> Child:
        assert self.walls is not None
        try:
            child = await zygote.fork(seed)
        except OSError as error:
            raise SandboxUnavailable(f"the worker takes no orders: {error}") from error
        self._homes[child] = zygote
        try:
            answer = await child.ask(None, _BIRTH_TIMEOUT_S)
            _check(answer, self.walls)
        except (ChildLost, TimeoutError) as error:
            await self.end(child, "it did not start")
            raise SandboxUnavailable(f"a session did not start: {error or 'no answer'}") from error
        except BaseException:
            self.drop(child, "it was not wanted any more")
            self._see_through(self._end(child))
            raise
        return child

    def drop(self, child: Child, reason: str) -> None:
        """End a process without waiting for it."""
        child.kill(reason)
        zygote = self._homes.get(child)
        if zygote is not None and self.walls is not None and not self.walls.shared:
            zygote.kill()

    async def end(self, child: Child, reason: str) -> None:
        """End a process; returns when it is gone. Cancelled, it still closes what belongs to it."""
        self.drop(child, reason)
        await asyncio.shield(self._see_through(self._end(child)))

    async def _end(self, child: Child) -> None:
        zygote = self._homes.pop(child, None)
        gone, _ = await asyncio.wait([child.gone], timeout=_DEATH_TIMEOUT_S)
        if zygote is not None:
            if not gone:
                zygote.kill()
            if zygote is not self._current():
                await self._close_if_empty(zygote)
        child.abandon()

    async def close(self) -> None:
        """End everything; returns when no process is left. Idempotent."""
        self._closed = True
        zygotes = set(self._homes.values())
        if self._warm is not None:
            if not self._warm.done():
                self._warm.cancel()
            await asyncio.wait([self._warm])
            if current := self._current():
                zygotes.add(current)
        children, self._homes, self._warm = list(self._homes), {}, None
        for zygote in zygotes:
            await zygote.close()
        await asyncio.gather(*self._dying)
        for child in children:
            child.abandon()

    def _current(self) -> Zygote | None:
        if self._warm is None or not self._warm.done() or self._warm.cancelled() or self._warm.exception():
            return None
        return self._warm.result()

    async def _close_if_empty(self, zygote: Zygote) -> None:
        if zygote not in self._homes.values():
            await zygote.close()


def _lives(task: asyncio.Task[Zygote]) -> bool:
    return not task.cancelled() and task.exception() is None and task.result().alive


async def _end(task: asyncio.Task[Zygote]) -> None:
    if not task.cancelled() and task.exception() is None:
        await task.result().close()


def _check(answer: dict[str, object], walls: Walls) -> None:
    built = answer.get("ready")
    if not isinstance(built, dict):
        raise ChildLost(str(answer.get("failed")))
    if bool(built.get("landlock")) != walls.landlock or bool(built.get("seccomp")) != walls.seccomp:
        raise ChildLost(f"its walls are {built!r}, not {walls!r}")
