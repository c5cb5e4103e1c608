r"""Inequalities as intervals: `1<x<2` is `(1,2)`, `x \ge 2` is `[2,\infty)`, `x<2` or `x>3` a union."""

import re
from typing import NamedTuple

from peerleap.graph.answers.split import brackets

_SIGN = r"(<|>|\\[lg]e(?![A-Za-z]))"
_END = r"((?:[^<>\\,;a-zA-Z]|\\(?!le|ge|neq|text|in\b|mid)[a-zA-Z]+|[ei](?![a-zA-Z]))+)"
_BETWEEN = re.compile(rf"{_END}{_SIGN}\s?([A-Za-z]|\\[a-z]+)\s?{_SIGN}{_END}")
_BEYOND = re.compile(
    rf"(?P<name>[A-Za-z])\s?(?P<sign><|>|\\[lg]e(?![A-Za-z])){_END.replace('((', '(?P<end>(', 1)}"
    rf"|{_END.replace('((', '(?P<end2>(', 1)}(?P<sign2><|>|\\[lg]e(?![A-Za-z]))\s?(?P<name2>[A-Za-z])"
)
_OR = re.compile(
    r"\s*(?:\\text\s?\{\s*or\s*\}|(?<![A-Za-z\\])or(?![A-Za-z])|\\cup(?![A-Za-z])|\\lor(?![A-Za-z])|或)\s*"
)
_UNION = re.compile(r"\\cup(?![A-Za-z])")


class Bounds(NamedTuple):
    """An interval as its inequality gives it."""

    low: str
    high: str
    signs: str
    """Its two brackets."""
    name: str
    """The letter that lies in it."""


def alternatives(text: str) -> list[str]:
    """The inequalities that `or` or a union joins."""
    return [part.strip() for part in _OR.split(text) if part.strip()]


def ascending(text: str) -> str:
    """A chain of inequalities from its smallest side on: `a<b<c` for `c>b>a`."""
    pieces = re.split(_SIGN, text)
    if len(pieces) < 3 or "," in text or any(map(_below, pieces[1::2])):
        return text
    return "".join({">": "<"}.get(piece, piece.replace("\\ge", "\\le ")) for piece in reversed(pieces))


def union_parts(text: str) -> list[str]:
    """The intervals and sets of a union, each in its brackets; none where it is no such union."""
    pieces = [piece.strip() for piece in _UNION.split(text)]
    found = [brackets(piece) for piece in pieces]
    return pieces if len(pieces) > 1 and all(inside and inside[0] != "matrix" for inside in found) else []


def bounds_of(text: str) -> Bounds | None:
    """The interval that an inequality of one letter means, or `None`."""
    between, beyond = _BETWEEN.fullmatch(text), _BEYOND.fullmatch(text)
    if between:
        low, first, name, second, high = between.groups()
        if _below(first) != _below(second):
            return None
        if not _below(first):
            low, first, second, high = high, second, first, low
        return Bounds(low, high, ("[" if "e" in first else "(") + ("]" if "e" in second else ")"), name)
    if not beyond:
        return None
    name = beyond["name"] or beyond["name2"]
    sign = beyond["sign"] or beyond["sign2"]
    end = beyond["end"] or beyond["end2"]
    if _below(sign) != (beyond["name"] is not None):
        return Bounds(end, r"\infty", "[)" if "e" in sign else "()", name)
    return Bounds(r"-\infty", end, "(]" if "e" in sign else "()", name)


def _below(sign: str) -> bool:
    return "<" in sign or "l" in sign
