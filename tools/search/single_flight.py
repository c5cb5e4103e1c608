"""N paths that ask the same at the same time cause one request, on whichever event loops they run."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LOOK_S: Final = 0.5  # between two looks at whether another loop still runs


class SingleFlight(Generic[T]):
    """Calls under way, by key; usable from any number of event loops.

    The work is cancelled when nobody waits for it any more. When the loop that it runs on ends, the next of those who
    wait on other loops begins anew.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, _Call[T]] = {}
        self._lock = threading.Lock()

    async def run(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work()`, or of the call with the same key that is under way."""
        while True:
            call = self._join(key, work)
            try:
                return await call.awaited()
            except _Abandoned:
                if call.loop is asyncio.get_running_loop():
                    raise asyncio.CancelledError from None  # the work has cancelled itself: it would do so again
                self._forget(key, call)
            finally:
                self._leave(key, call)

    def _join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> "_Call[T]":
        with self._lock:
            call = self._running.get(key)
            if call is None:
                call = self._running[key] = _Call(work())
                call.result.add_done_callback(lambda _: self._forget(key, call))
            call.waiting += 1
            return call

    def _leave(self, key: Hashable, call: "_Call[T]") -> None:
        with self._lock:
            call.waiting -= 1
            unwanted = not call.waiting and not call.result.done()
            if unwanted and self._running.get(key) is call:
                del self._running[key]  # whoever comes now must not join a cancelled call
        if unwanted:
            call.cancel()

    def _forget(self, key: Hashable, call: "_Call[T]") -> None:
        with self._lock:
            if self._running.get(key) is call:
                del self._running[key]


class _Abandoned(Exception):
    """The work was cancelled, or its loop does not run any more."""


class _Call(Generic[T]):
    """Work on the event loop of whoever asked first, and its result for all loops."""

    def __init__(self, work: Awaitable[T]) -> None:
        self.loop = asyncio.get_running_loop()
        self.waiting = 0
        self.result: Future[T] = Future()
        # Now no waiter can cancel it: `wrap_future` would pass a cancellation on.
        self.result.set_running_or_notify_cancel()
        self._task: asyncio.Future[T] = asyncio.ensure_future(work)
        self._task.add_done_callback(self._pass_on)

    async def awaited(self) -> T:
        """The result, on any loop. Raises `_Abandoned` when there will be none."""
        mine: asyncio.Future[T] = asyncio.wrap_future(self.result)
        mine.add_done_callback(_retrieve_error)
        try:
            while not (await asyncio.wait({mine}, timeout=_LOOK_S))[0]:
                if not self.loop.is_running():
                    raise _Abandoned
            return mine.result()
        finally:
            mine.cancel()

    def cancel(self) -> None:
        """Ends the work; from any thread."""
        with suppress(RuntimeError):  # its loop is closed
            self.loop.call_soon_threadsafe(self._task.cancel)

    def _pass_on(self, done: "asyncio.Future[T]") -> None:
        if done.cancelled():
            self.result.set_exception(_Abandoned())
        elif error := done.exception():
            self.result.set_exception(error)
        else:
            self.result.set_result(done.result())


def _retrieve_error(done: "asyncio.Future[T]") -> None:
    if not done.cancelled():
        done.exception()
