"""Aha moments: words of doubt, counted in a path's own text by two public lists.

The paper counts them and gives no list. Give only what the path generated: an inserted trigger such as `Wait, let me
quickly recap` would count otherwise.
"""

import re
from functools import cache

AHA_WORDS: dict[str, tuple[str, ...]] = {
    # Used by code around LASER and SimpleRL.
    "laser": ("recheck", "rethink", "try again", "wait", "alternatively", "retry", "however"),
    # Used to count self-reflection in MATH-500 responses; stems, so `re-evaluat` finds `re-evaluating`.
    "reflection": (
        "wait",
        "re-check",
        "recheck",
        "rethink",
        "re-think",
        "reconsider",
        "re-consider",
        "re-evaluat",
        "reevaluat",
        "re-examine",
        "reexamine",
        "check again",
        "try again",
        "think again",
        "consider again",
        "evaluate again",
        "examine again",
    ),
}


@cache
def _pattern(name: str) -> re.Pattern[str]:
    if name not in AHA_WORDS:
        raise ValueError(f"list={name!r} is not one of {', '.join(AHA_WORDS)}")
    # At a word's start only: `await` is no doubt, `waiting` and `re-evaluation` are.
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, AHA_WORDS[name]))})", re.IGNORECASE)


def aha_count(own_text: str, name: str = "laser") -> int:
    """How often the words of the list `name` (`laser`, `reflection`) occur in a path's own text."""
    return len(_pattern(name).findall(own_text))
