"""Where the tokens of a path, or of a run, went."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

from peerleap.graph.history.segments import GENERATED, Segment, dropped_tokens


class Usage(TypedDict):
    """Where the tokens of a path, or of a run, went."""

    prompt: int
    """Tokens of the prompt."""
    thought: int
    summary: int
    answer: int
    probe: NotRequired[int]
    """Answers that paths were asked for beside their histories (`talk`, `json_schema`); missing without any."""
    generated: int
    """thought + summary + answer + probe."""
    inserted: int
    """Triggers, comments, nudges, tool results, and what was copied from another run."""
    requests: int
    """Requests to the engine."""
    prefill: int
    """Prompt tokens of all requests."""
    cached: int
    """How many of those came from the prefix cache."""


_ALWAYS = ("prompt", "thought", "summary", "answer", "generated", "inserted", "requests", "prefill", "cached")


class BesideRequest(TypedDict):
    """A request that continued a path's history and left nothing in it."""

    kind: Literal["answer", "summary"]
    tokens: int
    """Tokens that it generated."""
    prompt_tokens: int
    """Tokens that it sent."""
    cached_tokens: int
    """How many of those came from the prefix cache."""
    seconds: float
    """Its wall-clock, its wait for others included."""


class Probe(TypedDict):
    """What a path was asked for in one LeaP block beside its history: nothing of it is read by the path itself."""

    answer: str | None
    """What it would answer if its budget ended here."""
    requests: list[BesideRequest]
    """What that cost, and a summary that it wrote for its peers without being interrupted; empty where the run ended
    here: the answer is then in the history, and counted there."""


def beside(segments: Iterable[Segment]) -> list[BesideRequest]:
    """The requests that made `segments`, which are no part of a history."""
    return [
        BesideRequest(
            kind="summary" if segment["kind"] == "summary" else "answer",
            tokens=len(segment["token_ids"]) + dropped_tokens(segment),
            prompt_tokens=segment["prompt_tokens"],
            cached_tokens=segment["cached_tokens"],
            seconds=segment["seconds"],
        )
        for segment in segments
        if segment["kind"] in GENERATED
    ]


def probes_of(records: Iterable[Mapping[str, Any]], path: str) -> list[Probe]:
    """What a path was asked for beside its history, by the records of the LeaP blocks."""
    return [probe for record in records if (probe := record.get("probes", {}).get(path)) is not None]


def path_usage(history: Iterable[Segment], probes: Iterable[Probe] = ()) -> Usage:
    """Token counts of one path: of its history, and of what it was asked for beside it."""
    counts: dict[str, int] = dict.fromkeys(_ALWAYS, 0)
    for segment in history:
        count, kind = len(segment["token_ids"]), segment["kind"]
        if kind in GENERATED and not segment.get("copied"):
            count += dropped_tokens(segment)
            counts[kind] += count
            counts["generated"] += count
        else:
            counts["prompt" if kind == "prompt" else "inserted"] += count
        if "prompt_tokens" in segment:
            counts["requests"] += 1
            counts["prefill"] += segment["prompt_tokens"]
            counts["cached"] += segment["cached_tokens"]
    for probe in probes:
        counts.setdefault("probe", 0)
        for request in probe["requests"]:
            counts["probe" if request["kind"] == "answer" else "summary"] += request["tokens"]
            counts["generated"] += request["tokens"]
            counts["requests"] += 1
            counts["prefill"] += request["prompt_tokens"]
            counts["cached"] += request["cached_tokens"]
    return cast("Usage", counts)


def total_usage(paths: Mapping[str, Usage]) -> Usage:
    """Token counts of a run."""
    counts = cast("Mapping[str, Mapping[str, int]]", paths)
    keys = [*_ALWAYS, *(["probe"] if any("probe" in usage for usage in counts.values()) else [])]
    return cast("Usage", {key: sum(usage.get(key, 0) for usage in counts.values()) for key in keys})
