"""Writes that threads make for coroutines, which may be cancelled: who has cancelled a run may delete it next."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from peerleap.tools.threads import to_its_end

T = TypeVar("T")

_guard = threading.Lock()
_under_way: dict[tuple[str, str], set[Future[None]]] = {}


async def seen_through(database: str, thread_id: str, write: Callable[..., T], *args: Any) -> T:
    """Run `write(*args)` on a thread, to its end, whatever becomes of who waits for it.

    Who is cancelled waits all the same, until cancelled again.
    """
    key, ended = (database, thread_id), Future[None]()
    with _guard:
        _under_way.setdefault(key, set()).add(ended)

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


def writes_under_way(database: str, thread_id: str) -> list[Future[None]]:
    """One future for each write for a thread that has not ended; it is done when the write is."""
    with _guard:
        return [*_under_way.get((database, thread_id), ())]


def _forget(key: tuple[str, str], ended: Future[None]) -> None:
    with _guard:
        _under_way[key].discard(ended)
        if not _under_way[key]:
            del _under_way[key]
    ended.set_result(None)
