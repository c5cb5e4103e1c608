"""Writes that always end: a cancelled run may be deleted next, and a late write would bring a part of it back."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from peerleap.tools import to_its_end

T = TypeVar("T")

_guard = threading.Lock()
_in_progress: dict[tuple[str, str], set[Future[None]]] = {}


async def write_shielded(database: str, thread_id: str, write: Callable[..., T], *args: Any) -> T:
    """Run `write(*args)` in a worker thread and always let it finish.

    A cancelled caller still waits for it; a second cancellation returns at once.

    Args:
        database: name of the checkpointer that writes.
        thread_id: the thread that is written.
        write: a blocking function.
        args: its arguments.

    Returns:
        What `write` returns.
    """
    key, ended = (database, thread_id), Future[None]()
    with _guard:
        _in_progress.setdefault(key, set()).add(ended)

    def work() -> T:
        try:
            return write(*args)
        finally:
            _forget(key, ended)

    try:
        writing = to_its_end(work)
    except BaseException:
        _forget(key, ended)
        raise
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        raise


def writes_in_progress(database: str, thread_id: str) -> list[Future[None]]:
    """Writes of a thread that have not ended.

    Args:
        database: name of the checkpointer that writes.
        thread_id: the thread that is written.

    Returns:
        One future for each write; it is done when the write is.
    """
    with _guard:
        return [*_in_progress.get((database, thread_id), ())]


def _forget(key: tuple[str, str], ended: Future[None]) -> None:
    with _guard:
        _in_progress[key].discard(ended)
        if not _in_progress[key]:
            del _in_progress[key]
    ended.set_result(None)
