"""At most one run a thread: two at once would interleave their checkpoints."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from peerleap.graph.errors import ThreadBusy
from peerleap.tools import to_its_end


@dataclass(slots=True)
class _Run:
    task: asyncio.Task[Any] | None = None  # of a run that may be cancelled
    left: bool = False  # by the reader of its stream

    @property
    def ending(self) -> bool:
        return self.left or (self.task is not None and self.task.cancelling() > 0)


_running: dict[tuple[object, str], _Run] = {}
_guard = threading.Lock()
# Event loops close a stream that its reader has left a few turns later, and nested streams after more turns.
_TURNS = 10
# How often, and in what steps, to wait for their end: half a minute in all.
_WAITS, _WAIT_SECONDS = 3000, 0.01


def _key(checkpointer: Any, thread_id: str) -> tuple[object, str]:
    return (getattr(checkpointer, "name", None) or id(checkpointer), thread_id)


@contextmanager
def one_run(checkpointer: Any, thread_id: str) -> Iterator[None]:
    """Allow no other run on the thread: in this process, and, with a `Checkpointer`, in any other.

    Args:
        checkpointer: where the thread is stored.
        thread_id: the thread.

    Raises:
        ThreadBusy: another run is in progress there.
    """
    with _only_here(checkpointer, thread_id, _Run()), _only_anywhere(checkpointer, thread_id):
        yield


@contextmanager
def _only_here(checkpointer: Any, thread_id: str, run: _Run) -> Iterator[None]:
    key = _key(checkpointer, thread_id)
    with _guard:
        if key in _running:
            raise ThreadBusy(thread_id)
        _running[key] = run
    try:
        yield
    finally:
        with _guard:
            del _running[key]


def _only_anywhere(checkpointer: Any, thread_id: str) -> AbstractContextManager[None]:
    # A server wraps the checkpointer, and forwards attributes that it does not have.
    hold = getattr(checkpointer, "hold", None)
    return nullcontext() if hold is None else hold(thread_id)


@contextmanager
def marked_ending(checkpointer: Any, thread_id: str | None) -> Iterator[None]:
    """Mark the thread's run as ending when the block is left: a run that begins then waits for it.

    Args:
        checkpointer: where the thread is stored.
        thread_id: the thread; `None` where nothing is stored.
    """
    try:
        yield
    finally:
        if thread_id is not None:
            _running[_key(checkpointer, thread_id)].left = True


@asynccontextmanager
async def aone_run(checkpointer: Any, thread_id: str) -> AsyncIterator[None]:
    """As `one_run`, without blocking the event loop.

    Waits for a run that has just been cancelled, or whose reader has left its loop.

    Args:
        checkpointer: where the thread is stored.
        thread_id: the thread.

    Raises:
        ThreadBusy: another run is in progress there.
    """
    key = _key(checkpointer, thread_id)
    for _ in range(_TURNS if key in _running else 0):
        await asyncio.sleep(0)
    for _ in range(_WAITS):
        before = _running.get(key)
        if before is None or not before.ending:
            break
        await asyncio.sleep(_WAIT_SECONDS)
    locks, taken = ExitStack(), threading.Event()
    locks.enter_context(_only_here(checkpointer, thread_id, _Run(asyncio.current_task())))

    def take() -> None:
        try:
            locks.enter_context(_only_anywhere(checkpointer, thread_id))
        finally:
            taken.set()

    def release(writes: Sequence[Future[None]]) -> None:
        taken.wait()  # a cancelled run may not have done so
        wait(writes)
        locks.close()

    taking = to_its_end(take)
    try:
        await asyncio.shield(taking)
        yield
    finally:
        writing = getattr(checkpointer, "writing", None)
        await asyncio.shield(to_its_end(release, [] if writing is None else writing(thread_id)))
