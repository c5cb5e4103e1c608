"""What a run emits while it goes on.

Read `schema` (the events), `emitter` (how a node emits them), `buffer` (back-pressure for slow readers), `tracing`
(what LangChain's tracers see), `chunks` (text as LangChain streams it).
"""

from peerleap.graph.events.buffer import EventBuffer, buffer_config, buffer_of
from peerleap.graph.events.emitter import aemitting, discard, emitting
from peerleap.graph.events.schema import (
    EVENT_NAME,
    VERSION,
    Event,
    Writer,
    end_event,
    segment_event,
    token_event,
    usage_event,
)
from peerleap.graph.events.tracing import NODE_TRACE, traced

__all__ = [
    "EVENT_NAME",
    "NODE_TRACE",
    "VERSION",
    "Event",
    "EventBuffer",
    "Writer",
    "aemitting",
    "buffer_config",
    "buffer_of",
    "discard",
    "emitting",
    "end_event",
    "segment_event",
    "token_event",
    "traced",
    "usage_event",
]
