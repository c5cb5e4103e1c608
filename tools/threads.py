"""A few threads for blocking calls, which end with the program even when a call never returns."""

import asyncio
import contextvars
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Job = tuple["Future[object]", Callable[[], object]]


def to_its_end(work: Callable[..., T], *args: object) -> "asyncio.Future[T]":
    """`work(*args)` on a thread of the running loop's; wait for it in `asyncio.shield`.

    It is no task: an event loop that ends cancels its tasks, also those that have not begun, and waits for its threads.
    """
    return asyncio.get_running_loop().run_in_executor(None, work, *args)


class BoundedThreads:
    """At most `limit` daemon threads, each started when all others are busy, and gone after `idle_s` without work.

    The standard executor joins its threads at exit, so one tool that hangs would keep the program alive; and it keeps
    them while it is idle, so every graph that was ever compiled would hold some.
    """

    def __init__(self, limit: int, name: str = "peerleap", *, idle_s: float = 2.0) -> None:
        if limit < 1:
            raise ValueError(f"limit={limit!r} leaves no thread to run on")
        self._limit = limit
        self._name = name
        self._idle_s = idle_s
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._numbers = itertools.count()
        # Threads that wait, less the jobs that wait for one.
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
                name = f"{self._name}-{next(self._numbers)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                thread.start()
                self._threads.add(thread)
            else:
                self._free -= 1  # owed: the next thread that becomes free takes this job
        return future

    def _work(self) -> None:
        while job := self._next():
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                    # asyncio futures refuse StopIteration and would wait for ever; SystemExit would end the program.
                    ends = isinstance(error, StopIteration | SystemExit)
                    future.set_exception(RuntimeError(repr(error)) if ends else error)
                else:
                    future.set_result(result)
            del job, future, call
            with self._lock:
                self._free += 1

    def _next(self) -> _Job | None:
        """The next job; `None` where this thread shall end."""
        while True:
            try:
                return self._jobs.get(timeout=self._idle_s)
            except Empty:
                with self._lock:
                    # Where nobody is free, this thread's next job was handed in just now.
                    if self._free > 0:
                        self._free -= 1
                        self._threads.discard(threading.current_thread())
                        return None
