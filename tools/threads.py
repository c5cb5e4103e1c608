"""A few threads for blocking calls, which end with the program even when a call never returns."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

__all__ = ["BoundedThreads"]

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple["Future[object]", Callable[[], object]]


class BoundedThreads:
    """At most `limit` daemon threads, each started when all others are busy.

    The standard executor joins its threads at exit, so one tool that hangs would keep the program alive.
    """

    def __init__(self, limit: int, name: str = "peerleap") -> None:
        if limit < 1:
            raise ValueError(f"limit={limit!r} leaves no thread to run on")
        self._limit = limit
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._free = 0
        self._closed = False

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`function(...)` on one of the threads, in a copy of the caller's context.

        Cancelling drops the result; a call that has begun goes on, since a thread cannot be stopped.
        """
        context = contextvars.copy_context()
        return await asyncio.wrap_future(self._submit(lambda: context.run(function, *args, **kwargs)))

    def close(self) -> None:
        """Lets idle threads end and refuses further calls; running calls are not waited for."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._jobs.put(None)

    def _submit(self, call: Callable[[], T]) -> "Future[T]":
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the threads {self._name!r} are closed")
            self._jobs.put((future, call))  # type: ignore[arg-type]  # the queue holds calls of any result
            if self._free:
                self._free -= 1
            elif len(self._threads) < self._limit:
                thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                self._free -= 1  # owed: the next thread that becomes free takes this job
        return future

    def _work(self) -> None:
        while job := self._jobs.get():
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                    # asyncio futures refuse StopIteration and would wait for ever.
                    future.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)
                else:
                    future.set_result(result)
            del job, future, call
            with self._lock:
                self._free += 1
