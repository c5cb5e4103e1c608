"""Where a path stood before and after each LeaP block, from the token ids that an eval has kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from peerleap.agents import prompts
from peerleap.engine import decode
from peerleap.evals.records import PathRecord
from peerleap.graph import Segment

_OPENS = frozenset({"trigger", "summary"})
_CLOSES = frozenset({"comment", "nudge"})


@dataclass(frozen=True, slots=True)
class Block:
    """One path's part in one LeaP block."""

    number: int
    """0 is the first."""
    start: int
    """Number of the first segment of the block."""
    end: int
    """Number of the first segment behind it."""
    own: int
    """Tokens that the path had thought before it."""
    summary: str
    """What it shared."""
    comment: str
    """What it read, with the sentences around it; empty where it read nobody."""
    sources: tuple[str, ...]
    """The paths that it read."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a path's history."""

    history: list[Segment]
    own: int
    """Tokens that the path had thought up to it."""


def blocks(record: PathRecord) -> list[Block]:
    """The LeaP blocks that a path took part in and went on from, in order.

    Args:
        record: of an eval with `--keep-ids`.
    """
    found: list[Block] = []
    segments = record.segments
    for number in sorted({int(segment["round"]) for segment in segments}):
        mine = [n for n, segment in enumerate(segments) if segment["round"] == number]
        start = next((n for n in mine if segments[n]["kind"] in _OPENS), None)
        if start is None:
            continue
        # The last thing of a block is what the path reads; where there is none, it failed in it.
        end = next((n for n in reversed(mine) if n >= start and segments[n]["kind"] in _CLOSES), None)
        if end is None:
            continue
        part = segments[start : end + 1]
        comment = part[-1] if part[-1]["kind"] == "comment" else {}
        found.append(
            Block(
                number=number, start=start, end=end + 1, own=thought(segments[:start]),
                summary=_summary(part),
                comment=str(comment.get("text", "")), sources=tuple(comment.get("sources", ())),
            )
        )  # fmt: skip
    return found


def _summary(part: Sequence[Any]) -> str:
    text = "".join(str(segment["text"]) for segment in part if segment["kind"] == "summary")
    return text.partition(prompts.SUMMARIZE_END)[0].strip()


def thought(segments: Sequence[Any]) -> int:
    """Tokens of thought in records' segments."""
    return sum(int(segment["tokens"]) for segment in segments if segment["kind"] == "thought")


def before(record: PathRecord, block: Block, tokenizer: Any) -> Place:
    """Where the block began for the path."""
    return Place(restored(record.segments[: block.start], tokenizer), block.own)


def behind(record: PathRecord, block: Block, tokenizer: Any) -> Place:
    """Where the path stood when it had read its peers and had thought nothing since."""
    return Place(restored(record.segments[: block.end], tokenizer), block.own)


def onwards(record: PathRecord, start: int, tokens: int, tokenizer: Any) -> Place | None:
    """A path some tokens of its own thought later, or where its next LeaP block began, if that came first.

    Args:
        record: The path's.
        start: Number of the segment that it goes on with.
        tokens: How many tokens of thought to go on for.
        tokenizer: The model's.

    Returns:
        The place; `None` where the path's thought ended before it.
    """
    own, left = thought(record.segments[:start]), tokens
    for number in range(start, len(record.segments)):
        segment = record.segments[number]
        if segment["kind"] in _OPENS:
            return Place(restored(record.segments[:number], tokenizer), own)
        if segment["kind"] == "answer":
            return None
        if segment["kind"] != "thought":
            continue
        size = int(segment["tokens"])
        # A whole thought that ends the path is its answer, not a place in it.
        if left < size:
            cut = {**segment, "token_ids": segment["token_ids"][:left], "tokens": left}
            return Place(restored([*record.segments[:number], cut], tokenizer), own + left)
        own, left = own + size, left - size
        if left == 0 and number + 1 < len(record.segments) and record.segments[number + 1]["kind"] != "answer":
            return Place(restored(record.segments[: number + 1], tokenizer), own)
    return None


def next_words(record: PathRecord, block: Block, tokens: int, tokenizer: Any) -> str:
    """What the path wrote next behind a block, for people and judges: at most so many tokens, until its next block."""
    ids: list[int] = []
    for segment in record.segments[block.end :]:
        if segment["kind"] in _OPENS or len(ids) >= tokens:
            break
        ids += segment["token_ids"]
    return decode(tokenizer, ids[:tokens])


def restored(segments: Sequence[Any], tokenizer: Any) -> list[Segment]:
    """Records' segments as a history; the texts of what the path wrote are decoded again."""
    return [
        cast(
            "Segment",
            {"kind": segment["kind"], "round": segment["round"], "token_ids": list(segment["token_ids"]),
             "text": segment.get("text") or decode(tokenizer, segment["token_ids"])},
        )
        for segment in segments
        if segment["kind"] != "error"
    ]  # fmt: skip
