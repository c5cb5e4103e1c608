"""The part of a page that answers a question (after Search-o1, which takes the text around the best sentence)."""

import re
from collections import Counter

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_WORD = re.compile(r"[a-z0-9]+|[^\W\d_]")


def best_excerpt(text: str, wanted: str, max_chars: int) -> str:
    """The text around the sentence with the highest word F1 to `wanted`.

    Args:
        text: the page's text.
        wanted: what to look for.
        max_chars: characters of the result.

    Returns:
        At most `max_chars` characters, with an ellipsis where text was left out.
    """
    if len(text) <= max_chars:
        return text
    goal = _words(wanted)
    best, middle = 0.0, max_chars // 2
    for sentence in _SENTENCE.finditer(text):
        if (score := _f1(_words(sentence.group()), goal)) > best:
            best, middle = score, (sentence.start() + sentence.end()) // 2
    start = min(max(0, middle - max_chars // 2), len(text) - max_chars)
    passage = text[start : start + max_chars]
    return f"{'…' if start else ''}{passage[1:-1] if start else passage[:-1]}…"


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _f1(words: Counter[str], goal: Counter[str]) -> float:
    same = (words & goal).total()
    return 2 * same / (words.total() + goal.total()) if same else 0.0
