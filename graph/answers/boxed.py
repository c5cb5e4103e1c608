r"""The last balanced box of a text, in one pass over it.

math-verify joins boxes that stand close together (`\boxed{100} ... wait, \boxed{204}` reads as 100204), so it is
only ever given the inside of one box, found here.
"""

import re
from functools import lru_cache
from typing import NamedTuple

# An escaped character (`\{`, `\\`) opens and closes nothing. `\\boxed` is JSON-escaped TeX, not a line break. Longer
# runs of backslashes are taken two by two: `\\+` here would read a run again from each of its places.
_TOKENS = re.compile(
    r"(?P<box>\\{1,2}(?:boxed|fbox)\s*\{)|(?P<bare>\\{1,2}boxed\s*(?P<number>-?[0-9][0-9,.]*))"
    r"|\\.|(?P<open>\{)|(?P<close>\})",
    re.DOTALL,
)
BOX = "\\boxed{"
LONGEST = 2000
# Words and signs between the items of a list; nothing but blanks between them would make no list.
_SIDE_BY_SIDE = re.compile(
    r"(?=.*(?:,|;|、|，|；|and|or|&|quad|和|或|与|及))"
    r"(?:[\s$,;&、，；]|\\[()\[\],;:! ]|\\q?quad\b|\\text\s?\{\s*(?:and|or)?\s*\}|\b(?:and|or)\b|[和或与及])*",
    re.DOTALL,
)
_FAR = 60
_PLACEHOLDER = re.compile(
    r"[\s.?_…]*|\\(?:ldots|dots|cdots)|\\text\{\s*\}|(?i:\\text\{\s*(?:your )?answer\s*\})|(?i:your answer)"
)


class Box(NamedTuple):
    """The inside of one box (at most 2,000 characters of it) and where the box starts and ends in the text."""

    start: int
    end: int
    content: str


def boxes(text: str) -> list[Box]:
    """Every balanced box that holds something, in the order in which they start; linear in the text's length."""
    return list(_scan(text)[0])


def last_box(text: str, *, unclosed: bool = False) -> str | None:
    """The inside of the box that starts last (of nested boxes the inner one), or None.

    With `unclosed`, a later box that the end of the text cut off counts, if it begins on the last line: a path whose
    budget ran out is taken at its word. Otherwise an unclosed box is no answer.
    """
    found, opened = _scan(text)
    if unclosed and opened and opened[-1][0] > (found[-1].start if found else -1):
        start = opened[-1][1]
        rest = text[start : start + LONGEST].strip(" $.\n")
        if rest and start > text.rstrip().rfind("\n"):
            return rest
    return found[-1].content if found else None


def boxed_answers(text: str) -> list[str]:
    r"""The insides of the last box, and of those that stand side by side with it as the items of one list.

    `\boxed{1}, \boxed{2} and \boxed{3}` are three; `\boxed{100} ... no: \boxed{204}` is one. Boxes that say the same
    are one, too.
    """
    found = boxes(text)
    if not found:
        return []
    run = [found[-1]]
    for box in reversed(found[:-1]):
        if box.end > run[0].start or not _SIDE_BY_SIDE.fullmatch(text[box.end : run[0].start][:_FAR]):
            break
        run.insert(0, box)
    contents = [box.content for box in run]
    return contents if len(set(contents)) > 1 else contents[-1:]


@lru_cache(maxsize=2)  # one text is read for its letter, its box and its boxes side by side
def _scan(text: str) -> tuple[list[Box], list[tuple[int, int]]]:
    """The balanced boxes, and where those that nothing closes begin, with their insides."""
    open_braces: list[tuple[int, int] | None] = []
    found: list[Box] = []
    for token in _TOKENS.finditer(text):
        if token["box"]:
            open_braces.append((token.start(), token.end()))
        elif token["bare"]:
            found.append(Box(token.start(), token.end(), token["number"].rstrip(",.")))
        elif token["open"]:
            open_braces.append(None)
        elif token["close"] and open_braces:
            start = open_braces.pop()
            if start is not None:
                # Bounded, or 20,000 boxes in each other would copy gigabytes.
                content = text[start[1] : min(token.start(), start[1] + LONGEST)].strip()
                if not _PLACEHOLDER.fullmatch(content):
                    found.append(Box(start[0], token.end(), content))
    return sorted(found), [start for start in open_braces if start is not None]
