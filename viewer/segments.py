"""A path's history as plain data: what it wrote and read, and when."""

from collections.abc import Iterable, Mapping
from typing import Any

# What others wrote into a path's text.
INSERTED = frozenset({"trigger", "comment", "nudge"})
_COPIED = ("finish", "stop", "prompt_tokens", "cached_tokens", "logprob", "confidences", "sources")


def segment_rows(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The segments of a history, each with the part of its round that it belongs to.

    Args:
        history: segments, as the graph stores them, or as an eval's records sum them up.

    Returns:
        For each: `kind`, `round`, `block` (whether it belongs to the LeaP block that ends the round), `tokens`,
        `seconds` (0 for what was inserted at once, `None` where it is not known), `text` and `token_ids` where they are
        stored, and what else the segment tells.
    """
    rows, in_block = [], -1
    for segment in history:
        kind, number = segment["kind"], segment["round"]
        if kind in {"trigger", "summary", "comment"}:
            in_block = number
        ids = segment.get("token_ids")
        row = {"kind": kind, "round": number, "block": in_block == number,
               "tokens": segment["tokens"] if ids is None else len(ids), "seconds": _seconds(segment)}  # fmt: skip
        row |= {key: segment[key] for key in _COPIED if segment.get(key) is not None}
        if "tool" in segment:
            tool = segment["tool"]
            row["tool"] = {key: tool[key] for key in ("name", "status", "seconds", "printed") if key in tool}
        row["text"] = segment.get("text")
        if ids is not None:
            row["token_ids"] = list(ids)
        rows.append(row)
    return rows


def _seconds(segment: Mapping[str, Any]) -> float | None:
    if "tool" in segment:
        return float(segment["tool"]["seconds"])
    if segment["kind"] in {"thought", "answer", "summary"}:
        return segment.get("seconds")
    return 0.0
