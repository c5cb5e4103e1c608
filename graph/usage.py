from collections.abc import Iterable, Mapping

from typing_extensions import TypedDict

from peerleap.graph.segments import GENERATED, Segment, dropped_tokens


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
    """Triggers, comments, nudges, tool results."""
    requests: int
    """Requests to the engine."""
    prefill: int
    """Prompt tokens of all requests."""
    cached: int
    """How many of those came from the prefix cache."""


def path_usage(history: Iterable[Segment]) -> Usage:
    """Token counts of one path."""
    usage = _zero()
    for segment in history:
        count, kind = len(segment["token_ids"]), segment["kind"]
        if kind in GENERATED:
            count += dropped_tokens(segment)
            usage[kind] += count  # type: ignore[literal-required]
            usage["generated"] += count
        elif kind == "prompt":
            usage["prompt"] += count
        else:
            usage["inserted"] += count
        if "prompt_tokens" in segment:
            usage["requests"] += 1
            usage["prefill"] += segment["prompt_tokens"]
            usage["cached"] += segment["cached_tokens"]
    return usage


def total_usage(paths: Mapping[str, Usage]) -> Usage:
    """Token counts of a run."""
    total = _zero()
    for usage in paths.values():
        for key, value in usage.items():
            total[key] += value  # type: ignore[literal-required]
    return total


def _zero() -> Usage:
    return Usage(
        prompt=0, thought=0, summary=0, answer=0, generated=0, inserted=0, requests=0, prefill=0, cached=0
    )
