"""Where the tokens of a path, or of a run, went."""

from collections.abc import Iterable, Mapping
from typing import cast

from typing_extensions import TypedDict

from peerleap.graph.history.segments import GENERATED, Segment, dropped_tokens


class Usage(TypedDict):
    """Where the tokens of a path, or of a run, went."""

    prompt: int
    """Tokens of the prompt."""
    thought: int
    summary: int
    answer: int
    generated: int
    """thought + summary + answer."""
    inserted: int
    """Triggers, comments, nudges, tool results, and what was copied from another run."""
    requests: int
    """Requests to the engine."""
    prefill: int
    """Prompt tokens of all requests."""
    cached: int
    """How many of those came from the prefix cache."""


def path_usage(history: Iterable[Segment]) -> Usage:
    """Token counts of one path."""
    counts = dict.fromkeys(Usage.__annotations__, 0)
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
    return cast("Usage", counts)


def total_usage(paths: Mapping[str, Usage]) -> Usage:
    """Token counts of a run."""
    keys = Usage.__annotations__
    return cast("Usage", {key: sum(cast("dict[str, int]", usage)[key] for usage in paths.values()) for key in keys})
