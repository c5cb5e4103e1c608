"""What a run says while it goes on: parts of the `custom` stream mode and custom events of callback handlers.

Events are plain dicts that can be written as JSON. Every one has `v` (the version of this schema), `type` and, where it
concerns one, `path`.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from peerleap.graph.history import Evidence, Kind, Segment, Usage, path_usage

VERSION = 1
EVENT_NAME = "leap"
"""Name of the custom events that callback handlers get."""


class Event(TypedDict):
    """One event; which fields there are depends on `type`."""

    v: int
    type: Literal[
        "run", "tokens", "segment", "probe", "summary", "route", "path_end", "usage", "vote", "tool_start", "tool_end"
    ]
    path: NotRequired[str]
    round: NotRequired[int]
    kind: NotRequired[str]
    """tokens, segment: the kind of the segment."""
    text: NotRequired[str]
    """tokens: newly generated text. segment, summary: the whole text. tool_start: the call. tool_end: its result."""
    tokens: NotRequired[int]
    """segment, probe, summary: its tokens. path_end: all generated tokens."""
    status: NotRequired[str]
    """path_end: finished, forced or failed. tool_end: as in `ToolRecord`."""
    tool: NotRequired[str]
    """tool_start, tool_end: the tool's name."""
    seconds: NotRequired[float]
    """tool_end: how long the call took."""
    answer: NotRequired[str | None]
    """path_end: the path's own. probe: what it would answer now. vote: the run's."""
    evidence: NotRequired[list[Evidence]]
    """summary: what the path has checked with tools; missing where it has checked nothing."""
    sources: NotRequired[dict[str, list[str]]]
    """route: for each reader, whose summaries it reads."""
    usage: NotRequired[Usage]
    """usage: of the path up to here; without `path`, of the run."""
    votes: NotRequired[dict[str, int]]
    paths: NotRequired[list[str]]
    """run: the names of the paths."""
    settings: NotRequired[dict[str, object]]
    """run: every setting's value."""
    thinking: NotRequired[dict[str, str]]
    """run: by path, how its model marks its thought; empty for one that does not think."""
    sampling: NotRequired[dict[str, dict[str, object]]]
    """run: by path, the sampling parameters that it is run with."""
    dropped_turns: NotRequired[int]
    """run: how many of the conversation's oldest turns had no room in the context."""
    no_claim: NotRequired[bool]
    """summary: it states no finding, so no peer reads it."""
    stop: NotRequired[Literal["agreement", "novelty"]]
    """route: as in `BlockRecord`; missing where talk goes on."""


Writer = Callable[[Event], None]


def token_event(path: str, round_number: int, kind: Kind, text: str) -> Event:
    """A path has generated some text."""
    return {"v": VERSION, "type": "tokens", "path": path, "round": round_number, "kind": kind, "text": text}


def segment_event(path: str, segment: Segment) -> Event:
    """A segment of a path is complete."""
    return {
        "v": VERSION,
        "type": "segment",
        "path": path,
        "round": segment["round"],
        "kind": segment["kind"],
        "text": segment["text"],
        "tokens": len(segment["token_ids"]),
    }


def usage_event(path: str, round_number: int, history: Sequence[Segment]) -> Event:
    """What a path has used up to the end of a round."""
    return {"v": VERSION, "type": "usage", "path": path, "round": round_number, "usage": path_usage(history)}


def end_event(path: str, status: str, answer: str | None, history: Sequence[Segment]) -> Event:
    """A path has come to its end."""
    return {
        "v": VERSION,
        "type": "path_end",
        "path": path,
        "status": status,
        "answer": answer,
        "tokens": path_usage(history)["generated"],
    }
