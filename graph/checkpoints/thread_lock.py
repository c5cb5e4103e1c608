"""One run a thread: two at once would interleave their checkpoints."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from peerleap.graph.errors import ThreadBusy
from peerleap.tools.threads import to_its_end


@dataclass(slots=True)
class _Run:
    task: asyncio.Task[Any] | None = None  # of a run that may be cancelled
    left: bool = False  # by the reader of its stream

    @property
    def ending(self) -> bool:
        return self.left or (self.task is not None and self.task.cancelling() > 0)


_running: dict[tuple[object, str], _Run] = {}
_guard = threading.Lock()
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
    # A server wraps the store, and passes on what it does not know itself.
    hold = getattr(checkpointer, "hold", None)
    return nullcontext() if hold is None else hold(thread_id)


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
    held, taken = ExitStack(), threading.Event()
    held.enter_context(_only_here(checkpointer, thread_id, _Run(asyncio.current_task())))

    def take() -> None:
        try:
            held.enter_context(_only_anywhere(checkpointer, thread_id))
        finally:
            taken.set()

    def let_go(writes: Sequence[Future[None]]) -> None:
        taken.wait()  # a cancelled run may not have waited for it
        wait(writes)
        held.close()

    taking = to_its_end(take)
    try:
        await asyncio.shield(taking)
        yield
    finally:
        writing = getattr(checkpointer, "writing", None)
        await asyncio.shield(to_its_end(let_go, [] if writing is None else writing(thread_id)))
