"""How a node emits events: to the reader of the stream, and to callback handlers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManager, BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config, get_callback_manager_for_config
from langgraph.config import get_stream_writer

from peerleap.graph.events.buffer import EventBuffer, buffer_of
from peerleap.graph.events.schema import EVENT_NAME, Event, Writer

_IGNORE_EVENTS = {BaseCallbackHandler.on_custom_event, AsyncCallbackHandler.on_custom_event}


def discard(_event: Event) -> None:
    """Discards events. Paths that use it do not ask the engine to stream text."""


@contextmanager
def emitting(config: RunnableConfig) -> Iterator[Writer]:
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
async def aemitting(config: RunnableConfig) -> AsyncIterator[Writer]:
    """The writer of a node that runs on an event loop; it may be called from other threads, too.

    A task of its own calls the handlers, in order and one after the other: a slow handler delays no path. The node ends
    only after they have received every event.
    """
    stream = _stream_writer(config)
    if not _has_listeners(config):
        yield stream
        return
    pump = _Pump(get_async_callback_manager_for_config(config))
    pumping = asyncio.create_task(pump.run())

    def write(event: Event) -> None:
        stream(event)
        pump.put(event)

    try:
        yield write
    except asyncio.CancelledError:
        pumping.cancel()
        raise
    finally:
        pump.end()
        await pumping


class _Pump:
    """A queue of events between paths and callback handlers."""

    def __init__(self, manager: AsyncCallbackManager) -> None:
        self._manager, self._loop = manager, asyncio.get_running_loop()
        self._queue: deque[Event] = deque()
        self._buffer = EventBuffer()
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, event: Event) -> None:
        self._buffer.put(event, self._queue.append)
        self._loop.call_soon_threadsafe(self._changed.set)

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._queue:
                event = self._queue.popleft()
                self._buffer.read(event)
                await self._manager.on_custom_event(EVENT_NAME, event, run_id=self._manager.parent_run_id)
            if self._ended:
                return


def _stream_writer(config: RunnableConfig) -> Writer:
    buffer, put = buffer_of(config), get_stream_writer()
    return (lambda event: buffer.put(event, put)) if buffer.read_at_all else discard


def _has_listeners(config: RunnableConfig) -> bool:
    handlers: Any = getattr(config.get("callbacks"), "handlers", None) or config.get("callbacks") or ()
    return any(
        type(handler).on_custom_event not in _IGNORE_EVENTS and not handler.ignore_custom_event
        for handler in (handlers if isinstance(handlers, list) else ())
    )
