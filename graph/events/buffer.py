"""Back-pressure for events: new text of a path is joined to its unread text.

LangGraph's stream queues are unbounded, and a path writes every few tokens. With this buffer, a queue holds at most one
`tokens` event for each request to the engine, however slow its reader is; nothing is dropped or waits for the reader.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from peerleap.graph.events.schema import Event

# LangGraph copies no key with this prefix into checkpoints and traces.
_KEY = "__peerleap_events"
# Characters of a piece of text where it cannot be seen what is read, as in a graph inside another one.
_PIECE = 256

_Forward = Callable[[Event], object]


class EventBuffer:
    """The events of one run on their way to one reader; usable from any thread."""

    def __init__(self, *, read_at_all: bool = True, sees_reads: bool = True) -> None:
        self.read_at_all = read_at_all
        """False where no one reads the stream: events are then discarded at their source."""
        self._sees_reads = sees_reads
        self._unread: dict[str, Event] = {}
        self._lock = Lock()

    def put(self, event: Event, forward: _Forward) -> None:
        """Pass `event` on with `forward`, or join it to one that is still unread."""
        path = event.get("path")
        with self._lock:
            if path is None:
                forward(event)
            elif event["type"] == "tokens":
                self._put_tokens(path, event, forward)
            else:
                last = self._unread.pop(path, None)
                if last is not None and not self._sees_reads:
                    forward(last)
                forward(event)

    def _put_tokens(self, path: str, event: Event, forward: _Forward) -> None:
        if path in self._unread:
            self._unread[path]["text"] += event["text"]
        else:
            self._unread[path] = cast("Event", {**event})
            if self._sees_reads:
                forward(self._unread[path])
        if not self._sees_reads and len(self._unread[path]["text"]) >= _PIECE:
            forward(self._unread.pop(path))

    def read(self, event: object) -> None:
        """`event` has left the queue: it must not change any more."""
        if isinstance(event, dict) and event.get("type") == "tokens":
            path = event["path"]
            with self._lock:
                if self._unread.get(path) is event:
                    del self._unread[path]

    def read_part(self, part: object) -> None:
        """As `read`, for what `stream` yields, in any of its forms."""
        if isinstance(part, tuple) and part:
            part = part[-1]
        elif isinstance(part, dict) and part.get("type") == "custom":
            part = part.get("data")
        self.read(part)


def buffer_config(config: Mapping[str, Any] | None, buffer: EventBuffer) -> RunnableConfig:
    """`config` with `buffer` in it."""
    copy = dict(config or {})
    copy["configurable"] = {**(copy.get("configurable") or {}), _KEY: buffer}
    return copy  # type: ignore[return-value]  # a copy of what was one


def buffer_of(config: Mapping[str, Any] | None) -> EventBuffer:
    """The buffer of the run that `config` belongs to."""
    found = ((config or {}).get("configurable") or {}).get(_KEY)
    return found if isinstance(found, EventBuffer) else EventBuffer(sees_reads=False)
