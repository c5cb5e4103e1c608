"""A path's text for people, while it is written: without control tokens and the marks around a thought."""

import re
from collections.abc import Iterable
from functools import lru_cache


class Unmarked:
    """Takes text in pieces and gives it back without some marks; a mark may be split over pieces."""

    def __init__(self, marks: Iterable[str]) -> None:
        self._marks, self._beginnings = _compiled(tuple(sorted({mark for mark in marks if mark})))
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that may be shown by now; what may be the beginning of a mark waits for the next piece."""
        text = self._held + text
        if self._marks is not None:
            text = self._marks.sub("", text)
        longest = max(map(len, self._beginnings), default=0)
        held = next((n for n in range(min(longest, len(text)), 0, -1) if text[-n:] in self._beginnings), 0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def end(self) -> str:
        """What has waited: the text is over."""
        text, self._held = self._held, ""
        return text


@lru_cache(maxsize=64)
def _compiled(marks: tuple[str, ...]) -> tuple[re.Pattern[str] | None, frozenset[str]]:
    if not marks:
        return None, frozenset()
    longest_first = sorted(marks, key=len, reverse=True)
    beginnings = frozenset(mark[:n] for mark in marks for n in range(1, len(mark)))
    return re.compile("|".join(map(re.escape, longest_first))), beginnings
