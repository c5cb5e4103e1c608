"""A path's history: a list of segments whose token ids are the truth."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

Kind = Literal["prompt", "thought", "answer", "summary", "trigger", "comment", "tool", "nudge", "error"]

GENERATED: frozenset[Kind] = frozenset({"thought", "answer", "summary"})
OWN: frozenset[Kind] = frozenset({"thought", "answer"})
"""What is read to find a path's answer: a conclusion inside a summary is not an answer yet."""

Finish = Literal[
    "interval", "budget", "think_end", "turn_end", "summarize", "invented", "summary_end", "cut", "answer", "tool"
]
"""Why a generated segment ends. `cut`: at a token limit, in the middle of what it was saying. `tool`: where a call of
the tool protocol may end."""


class ToolRecord(TypedDict):
    """One tool call of a path."""

    name: str
    """The tool; empty where the call could not be read."""
    status: str
    """ok, error, timeout, limit, repeat or bad_call."""
    seconds: float
    digest: str
    """SHA-256 of the tool's whole output, as hexadecimal digits."""
    use: dict[str, Any]
    """The fields of `ToolUse`: what the path has spent on tools up to here."""
    cell: NotRequired[str]
    """The code that ran to its end, where the tool keeps state between calls."""
    printed: NotRequired[str]
    """What that code has shown, made harmless: one line of at most 120 characters. Missing where it showed nothing."""
    empty: NotRequired[bool]
    """The search went well and has found nothing: that is no evidence."""
    lost: NotRequired[bool]
    """The state that earlier calls had made was gone when this one ended."""


class Segment(TypedDict):
    """A piece of a path's history. The prompt of a request is the ids of all segments so far, joined."""

    kind: Kind
    round: int
    """0 before the first LeaP block."""
    token_ids: list[int]
    text: str
    """The ids, decoded; the message of an `error`, which has no ids."""
    finish: NotRequired[Finish]
    """Generated segments: why they end."""
    stop: NotRequired[str | int | None]
    """Generated segments: the stop string or stop token id that ended them; missing at a limit or an end of turn."""
    prompt_tokens: NotRequired[int]
    """Generated segments: tokens that their request sent."""
    cached_tokens: NotRequired[int]
    """Generated segments: how many of those came from the prefix cache."""
    seconds: NotRequired[float]
    """Generated segments: wall-clock of their request, its wait for others included; missing in older runs."""
    dropped: NotRequired[int]
    """Number of generated tokens that are not among the ids: those that spelt the end of the turn, where there were
    several, or the end of the thought inside a summary."""
    logprob: NotRequired[float]
    """Generated segments, with `logprobs`: sum of the natural log-probabilities, the end-of-turn token's included."""
    confidences: NotRequired[list[float]]
    """Generated segments, with `logprobs` of at least 1: each id's confidence, as in `Completion.token_confidences`."""
    sources: NotRequired[list[str]]
    """Comments: the paths whose summaries they hold, in order; `person` for a person's comment."""
    tool: NotRequired[ToolRecord]
    """Tool results: the call that they answer."""
    copied: NotRequired[bool]
    """Written by another path, or by this one in another run: it counts as the path's own text, not as its work."""


_OF_THE_REQUEST = frozenset({"prompt_tokens", "cached_tokens", "seconds", "dropped", "logprob", "confidences"})


def as_copies(segments: Iterable[Segment]) -> list[Segment]:
    """Segments for the history of another run: without what their requests cost."""
    return [
        cast("Segment", {key: value for key, value in segment.items() if key not in _OF_THE_REQUEST} | {"copied": True})
        for segment in segments
    ]


def history_ids(history: Iterable[Segment]) -> list[int]:
    """All ids of a history: the next request's prompt."""
    ids: list[int] = []
    for segment in history:
        ids += segment["token_ids"]
    return ids


def grown(history: Iterable[Segment]) -> int:
    """Tokens of a history after its prompt, generated and inserted ones."""
    return sum(len(segment["token_ids"]) for segment in history if segment["kind"] != "prompt")


def spent(history: Iterable[Segment], counts: Literal["own", "all"]) -> int:
    """Tokens that count against a path's budget: those that it thought (`own`), or all after its prompt (`all`)."""
    return grown(history) if counts == "all" else thought_tokens(history)


def thought_tokens(history: Iterable[Segment]) -> int:
    """Tokens that a path has thought, its summaries and its answer section left out."""
    return sum(len(segment["token_ids"]) for segment in history if segment["kind"] == "thought")


def sent_tokens(history: Iterable[Segment]) -> int:
    """Tokens that the next request of a path sends."""
    return sum(len(segment["token_ids"]) for segment in history)


def dropped_tokens(segment: Segment) -> int:
    """Tokens that were generated but are not in the ids: the end-of-turn token, and `</think>` inside a summary.

    Both would end a history that goes on; nothing else that was generated is ever dropped.
    """
    finish = segment.get("finish")
    if finish == "think_end" and segment["kind"] == "summary":
        return segment.get("dropped", 1)  # records written before `dropped` existed lost exactly one token
    return segment.get("dropped", 1) if finish == "turn_end" else 0


def storable(text: str) -> str:
    """The text without NUL and lone surrogates, which Postgres refuses in a plain text value."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def append_segments(history: Sequence[Segment] | None, writes: Sequence[Sequence[Segment]]) -> list[Segment]:
    """Reducer of a history: append, never change."""
    joined = list(history or ())
    for write in writes:
        joined.extend(write)
    return joined
