"""One run a thread: two at once would interleave their checkpoints."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from threading import Lock
from typing import Any

from peerleap.graph.errors import ThreadBusy

_running: set[tuple[object, str]] = set()
_guard = Lock()


@contextmanager
def one_run(checkpointer: Any, thread_id: str) -> Iterator[None]:
    """Let no other run begin on the thread: in this process, and, with a `Store`, in any other.

    Raises:
        ThreadBusy: a run goes on there.
    """
    key = (getattr(checkpointer, "name", None) or id(checkpointer), thread_id)
    with _guard:
        if key in _running:
            raise ThreadBusy(thread_id)
        _running.add(key)
    try:
        # A server wraps the store, and passes on what it does not know itself.
        hold = getattr(checkpointer, "hold", None)
        with hold(thread_id) if hold is not None else nullcontext():
            yield
    finally:
        with _guard:
            _running.discard(key)


@asynccontextmanager
async def aone_run(checkpointer: Any, thread_id: str) -> AsyncIterator[None]:
    """As `one_run`; what waits for a file or a server waits on a thread."""
    held = one_run(checkpointer, thread_id)
    entering = asyncio.ensure_future(asyncio.to_thread(held.__enter__))
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        await entering
        held.__exit__(None, None, None)
        raise
    try:
        yield
    finally:
        await asyncio.shield(asyncio.to_thread(held.__exit__, None, None, None))
