"""One run a thread: two at once would interleave their checkpoints."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any

from peerleap.graph.errors import ThreadBusy


@dataclass(slots=True)
class _Run:
    task: asyncio.Task[Any] | None = None  # of a run that may be cancelled
    left: bool = False  # by the reader of its stream

    @property
    def ending(self) -> bool:
        return self.left or (self.task is not None and self.task.cancelling() > 0)


_running: dict[tuple[object, str], _Run] = {}
_guard = Lock()
# Event loops close a stream that a reader has left a few turns later, more where others are around it.
_TURNS = 10
# How often, and in what steps, their end is waited for: half a minute.
_WAITS, _WAIT_SECONDS = 3000, 0.01


def _key(checkpointer: Any, thread_id: str) -> tuple[object, str]:
    return (getattr(checkpointer, "name", None) or id(checkpointer), thread_id)


@contextmanager
def one_run(checkpointer: Any, thread_id: str) -> Iterator[None]:
    """Let no other run begin on the thread: in this process, and, with a `Store`, in any other.

    Raises:
        ThreadBusy: a run goes on there.
    """
    key = _key(checkpointer, thread_id)
    with _guard:
        if key in _running:
            raise ThreadBusy(thread_id)
        _running[key] = _Run()
    try:
        # A server wraps the store, and passes on what it does not know itself.
        hold = getattr(checkpointer, "hold", None)
        with hold(thread_id) if hold is not None else nullcontext():
            yield
    finally:
        with _guard:
            del _running[key]


@contextmanager
def marked_ending(checkpointer: Any, thread_id: str | None) -> Iterator[None]:
    """From the end of this block on, the run of the thread ends: another one that begins waits for that."""
    try:
        yield
    finally:
        if thread_id is not None:
            _running[_key(checkpointer, thread_id)].left = True


@asynccontextmanager
async def aone_run(checkpointer: Any, thread_id: str) -> AsyncIterator[None]:
    """As `one_run`; what waits for a file or a server waits on a thread.

    A run that has just been cancelled, or whose reader has broken out of its loop, is waited for.
    """
    key = _key(checkpointer, thread_id)
    for _ in range(_TURNS if key in _running else 0):
        await asyncio.sleep(0)
    for _ in range(_WAITS):
        before = _running.get(key)
        if before is None or not before.ending:
            break
        await asyncio.sleep(_WAIT_SECONDS)
    held = one_run(checkpointer, thread_id)
    entering = asyncio.ensure_future(asyncio.to_thread(held.__enter__))
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        await entering
        held.__exit__(None, None, None)
        raise
    _running[key].task = asyncio.current_task()
    try:
        yield
    finally:
        await asyncio.shield(asyncio.to_thread(held.__exit__, None, None, None))
