"""N paths that ask the same at the same time cause one request."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["SharedCalls"]

T = TypeVar("T")


class SharedCalls(Generic[T]):
    """Calls under way, by key. The work is cancelled when nobody waits for it any more."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, Hashable], tuple[asyncio.Future[T], list[None]]] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work()`, or of the call with the same key that is under way on this event loop."""
        place = (id(asyncio.get_running_loop()), key)
        if place not in self._running:
            task: asyncio.Future[T] = asyncio.ensure_future(work())
            self._running[place] = (task, [])
            task.add_done_callback(lambda done: self._forget(place, done))
        task, waiting = self._running[place]
        waiting.append(None)
        try:
            return await asyncio.shield(task)
        finally:
            waiting.pop()
            if not waiting and not task.done():
                task.cancel()
                self._running.pop(place, None)  # whoever comes now must not join a cancelled call

    def _forget(self, place: tuple[int, Hashable], done: "asyncio.Future[T]") -> None:
        if place in self._running and self._running[place][0] is done:
            del self._running[place]
        if not done.cancelled():
            done.exception()
