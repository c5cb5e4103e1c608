"""A run as events of inspect_ai: its viewer shows one lane a path, LeaP blocks in them, forks as branches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from peerleap.viewer.timeline import starts

_OWN = {"thought", "answer", "summary"}


def lane_events(
    run: Mapping[str, Any], *, parent: str | None = None, forks: Sequence[Mapping[str, Any]] = ()
) -> list[Any]:
    """The events of a run, in order of time; the last one ends now.

    Args:
        run: as `run_rows` returns it.
        parent: id of the span around it.
        forks: as `others` of a document.

    Returns:
        A span of type `agent` a path, and in it a model event for each request, an info event (source `leap_block`) for
        each LeaP block that it read in, a tool event for each call, and a span of type `branch` for each fork.

    Raises:
        ImportError: `inspect_ai` is not installed.
    """
    from inspect_ai.event import SpanBeginEvent, SpanEndEvent

    at = starts(run["paths"])
    begun = datetime.now(UTC) - timedelta(seconds=max(map(_end, run["paths"], at), default=0.0))
    events: list[Any] = []
    for path, times in zip(run["paths"], at, strict=True):
        span, last = uuid4().hex, begun + timedelta(seconds=_end(path, times))
        common: dict[str, Any] = {"working_start": 0.0, "span_id": span}
        events.append(
            SpanBeginEvent(id=span, parent_id=parent, type="agent", name=path["name"], timestamp=begun, **common)
        )
        events += _path_events(run, path, times, begun, span)
        for fork in forks:
            events += _branch(fork, path["name"], begun, last, span)
        events.append(SpanEndEvent(id=span, timestamp=last, **common))
    return events


def _branch(fork: Mapping[str, Any], name: str, begun: datetime, last: datetime, parent: str) -> list[Any]:
    """A path of a fork, from the block on at which it parts, below the lane of the path."""
    from inspect_ai.event import AnchorEvent, BranchEvent, SpanBeginEvent, SpanEndEvent

    run = fork["run"]
    found = next(((path, times) for path, times in zip(run["paths"], starts(run["paths"]), strict=True)
                  if path["name"] == name), None)  # fmt: skip
    if found is None:  # the fork has dropped it
        return []
    span, anchor = uuid4().hex, f"{parent}-{fork['block']}"
    inside: dict[str, Any] = {"working_start": 0.0, "span_id": span}
    events: list[Any] = [
        AnchorEvent(anchor_id=anchor, timestamp=last, working_start=0.0, span_id=parent),
        SpanBeginEvent(id=span, parent_id=parent, type="branch", name=run["name"] or "fork", timestamp=last, **inside),
        BranchEvent(from_anchor=anchor, timestamp=last, **inside),
        *_path_events(run, *found, begun, span, fork["block"]),
    ]
    return [*events, SpanEndEvent(id=span, timestamp=begun + timedelta(seconds=_end(*found)), **inside)]


def emit_lanes(run: Mapping[str, Any], messages: Sequence[Any] = (), forks: Sequence[Mapping[str, Any]] = ()) -> None:
    """Add the events of a run to the transcript of the sample that is running.

    Args:
        run: as `run_rows` returns it.
        messages: of the sample, one a path. They are the input of a last model event, the vote: a sample whose process
            was killed is recovered with the messages of its last model event.
        forks: as `others` of a document.
    """
    from inspect_ai.event import ModelEvent
    from inspect_ai.log import transcript
    from inspect_ai.model import GenerateConfig, ModelOutput
    from inspect_ai.util._span import current_span_id

    for event in lane_events(run, parent=current_span_id(), forks=forks):
        transcript()._event(event)  # `info` and `span` know no time but now
    if messages:
        nothing = ModelOutput(model="vote", choices=[])
        transcript()._event(ModelEvent(
            model="vote", input=list(messages), tools=[], tool_choice="none", config=GenerateConfig(), output=nothing,
        ))  # fmt: skip


def _path_events(
    run: Mapping[str, Any], path: Mapping[str, Any], times: Sequence[float], begun: datetime, span: str, since: int = 0
) -> list[Any]:
    """What a path did, from the round `since` on."""
    from inspect_ai.event import InfoEvent, ToolEvent

    events: list[Any] = []
    read, segments = "", path["segments"]
    for n, (segment, time) in enumerate(zip(segments, times, strict=True)):
        if segment["round"] < since:
            continue
        done = begun + timedelta(seconds=time + (segment["seconds"] or 0.0))
        common = {"timestamp": begun + timedelta(seconds=time), "working_start": time, "span_id": span}
        text = segment.get("text") or ""
        if segment["kind"] in _OWN:
            events.append(_request(run["models"].get(path["name"], "peerleap"), segment, read, done, common))
            read = ""
        elif segment["kind"] == "tool":
            name = segment.get("tool", {}).get("name") or "tool"
            call: Any = {"id": f"{span}-{n}", "function": name, "arguments": {}}
            events.append(ToolEvent(**call, result=text, completed=done, **common))
        else:
            read += text
        ends_block = segment["block"] and not (n + 1 < len(segments) and segments[n + 1]["block"])
        if ends_block and segment["round"] < len(run["blocks"]):
            data = _block(run, path, segment["round"])
            events.append(InfoEvent(source="leap_block", data=data, **{**common, "timestamp": done}))
    return events


def _request(model: str, segment: Mapping[str, Any], read: str, done: datetime, common: Any) -> Any:
    from inspect_ai.event import ModelEvent
    from inspect_ai.model import ChatMessageUser, GenerateConfig, ModelOutput, ModelUsage

    sent, cached, count = segment.get("prompt_tokens", 0), segment.get("cached_tokens", 0), segment["tokens"]
    output = ModelOutput.from_content(model, segment.get("text") or "")
    output.usage = ModelUsage(input_tokens=sent - cached, input_tokens_cache_read=cached, output_tokens=count,
                              total_tokens=sent + count)  # fmt: skip
    about = {key: segment[key] for key in ("kind", "round", "finish") if key in segment}
    return ModelEvent(
        model=model, input=[ChatMessageUser(content=read)] if read else [], tools=[], tool_choice="none",
        config=GenerateConfig(), output=output, completed=done, working_time=segment["seconds"] or 0.0, metadata=about,
        **common,
    )  # fmt: skip


def _block(run: Mapping[str, Any], path: Mapping[str, Any], number: int) -> dict[str, Any]:
    """What a path held, shared and read in a LeaP block."""
    block, name = run["blocks"][number], path["name"]
    place = {other: n for n, other in enumerate(block["paths"])}
    held = {one["name"]: one["held"][number] for one in run["paths"]}

    def answer(of: int | None) -> str | None:
        return None if of is None else str(run["answers"][of]["answer"])

    def similarity(source: str) -> float | None:
        known = name in place and source in place
        return float(block["similarity"][place[name]][place[source]]) if known else None

    return {
        "block": block["number"],
        "held": answer(held[name]),
        "summary": block["summaries"].get(name, {}).get("text"),
        "read": [
            {"path": source, "answer": answer(held.get(source)), "similarity": similarity(source)}
            for source in block["routes"].get(name, ())
        ],
        "effect": block["effects"].get(name),
        "held_after": answer(path["held"][number + 1]),
    }


def _end(path: Mapping[str, Any], times: Sequence[float]) -> float:
    return max((t + (s["seconds"] or 0.0) for t, s in zip(times, path["segments"], strict=True)), default=0.0)
