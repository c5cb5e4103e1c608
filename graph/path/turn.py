"""What goes with every step of a path's round."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from langchain_core.runnables import RunnableConfig

from peerleap.graph.events import Writer
from peerleap.graph.history import Finish

Status = Literal["active", "finished", "forced", "failed"]
"""Where a path is. `forced`: it was made to answer."""

Stops = Mapping[str | int, Finish]
"""Stop strings and stop token ids of a request, each with the reason to end that it stands for."""


class Turn(NamedTuple):
    """Which round it is, who listens, and the node's own configuration."""

    round: int
    """0 before the first LeaP block."""
    write: Writer
    config: RunnableConfig | None = None
    """For tracers, tools and the journal; `None` outside of a graph."""
