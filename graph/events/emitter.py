"""How a node tells what happens: to the reader of the stream, and to callback handlers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManager, BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config, get_callback_manager_for_config
from langgraph.config import get_stream_writer

from peerleap.graph.events.buffer import Outbox, outbox_of
from peerleap.graph.events.schema import EVENT_NAME, Event, Writer

_DEAF = {BaseCallbackHandler.on_custom_event, AsyncCallbackHandler.on_custom_event}


def nobody(_event: Event) -> None:
    """A writer that nobody listens to: paths ask the engine for no text while it writes."""


@contextmanager
def telling(config: RunnableConfig) -> Iterator[Writer]:
    """The writer of a node that runs on a thread without an event loop."""
    stream = _stream_writer(config)
    manager = get_callback_manager_for_config(config) if _has_listeners(config) else None
    if manager is None:
        yield stream
        return

    def write(event: Event) -> None:
        stream(event)
        manager.on_custom_event(EVENT_NAME, event, run_id=manager.parent_run_id)

    yield write


@asynccontextmanager
async def atelling(config: RunnableConfig) -> AsyncIterator[Writer]:
    """The writer of a node that runs on an event loop; it may be called from other threads, too.

    Handlers are told in order and one after the other, by a task of their own: a slow one holds up no path. What they
    were not told when the node ends, they are told before it ends.
    """
    stream = _stream_writer(config)
    if not _has_listeners(config):
        yield stream
        return
    pump = _Pump(get_async_callback_manager_for_config(config))
    telling_them = asyncio.create_task(pump.run())

    def write(event: Event) -> None:
        stream(event)
        pump.put(event)

    try:
        yield write
    except asyncio.CancelledError:
        telling_them.cancel()
        raise
    finally:
        pump.end()
        await telling_them


class _Pump:
    """A queue of events between paths and callback handlers."""

    def __init__(self, manager: AsyncCallbackManager) -> None:
        self._manager, self._loop = manager, asyncio.get_running_loop()
        self._queue: deque[Event] = deque()
        self._outbox = Outbox()
        self._something = asyncio.Event()
        self._ended = False

    def put(self, event: Event) -> None:
        self._outbox.put(event, self._queue.append)
        self._loop.call_soon_threadsafe(self._something.set)

    def end(self) -> None:
        self._ended = True
        self._something.set()

    async def run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._queue:
                event = self._queue.popleft()
                self._outbox.read(event)
                await self._manager.on_custom_event(EVENT_NAME, event, run_id=self._manager.parent_run_id)
            if self._ended:
                return


def _stream_writer(config: RunnableConfig) -> Writer:
    outbox, put = outbox_of(config), get_stream_writer()
    return (lambda event: outbox.put(event, put)) if outbox.heard else nobody


def _has_listeners(config: RunnableConfig) -> bool:
    handlers: Any = getattr(config.get("callbacks"), "handlers", None) or config.get("callbacks") or ()
    return any(
        type(handler).on_custom_event not in _DEAF and not handler.ignore_custom_event
        for handler in (handlers if isinstance(handlers, list) else ())
    )
