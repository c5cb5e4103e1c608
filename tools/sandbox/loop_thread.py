"""A thread with an event loop, alive as long as the processes it started.

The kernel ends a fork_server when the *thread* that started it ends, so that thread must not be a
caller's. All talk with the workers happens on it, which makes the sandbox usable from plain
functions, from several threads and from any event loop.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from peerleap.tools.sandbox.errors import SandboxClosed, SandboxError

T = TypeVar("T")
_DRAIN_S = 1.0


class LoopThread:
    """The thread; it starts with the first call."""

    def __init__(self) -> None:
        # Re-entrant: the collector may run a session's finalizer in the middle of `submit`.
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def mine(self) -> bool:
        """False in a process forked off the one that made it: the thread did not come along."""
        return os.getpid() == self._pid

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `work` on the thread; cancelling the future cancels it. `SandboxClosed` after `stop`."""
        with self._lock:
            if self._closed:
                work.close()
                raise SandboxClosed("the sandbox is closed")
            if not self.mine:
                work.close()
                raise SandboxError(f"the sandbox belongs to process {self._pid}: make one in process {os.getpid()}")
            if self._loop is None:
                self._start()
            assert self._loop is not None
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` and wait for it; an interrupt of the caller cancels it."""
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def acall(self, work: Coroutine[Any, Any, T]) -> T:
        """`call` for a coroutine on another event loop; its cancellation cancels `work`."""
        return await asyncio.wrap_future(self.submit(work))

    def stop(self) -> None:
        """End the thread; no submission is taken any more, and what does not end within a second is cancelled."""
        with self._lock:
            self._closed = True
            thread, loop = self._thread, self._loop
        if thread is None or loop is None or not self.mine or not thread.is_alive():
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join()

    def _start(self) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        self._thread = threading.Thread(target=_run_loop, args=(loop,), name="peerleap-sandbox", daemon=True)
        self._thread.start()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    _let_block()
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_DRAIN_S))
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _let_block() -> None:
    """Exempt this thread where `langgraph dev` takes blocking calls in event loops for errors; nobody waits for it.

    A process can only be started in a blocking way, and it must be this thread that starts it.
    """
    skip = getattr(sys.modules.get("blockbuster.blockbuster"), "_skip", None)
    if skip is not None:
        skip.value = True
