"""What kind of question it is: with options, about maths, or free."""

import re

from peerleap.graph.settings import TaskName

_MARKUP = r"(?:\\(?:text|math)(?:bf|rm|it)?\s?\{\s*|[*_`~$\\]|\\\()*"
# At the beginning of a line a letter and a sign after it are enough; between others in one line it needs a bracket.
_AT_LINE = re.compile(rf"^[ \t]*(?:[-*+•]\s+)?{_MARKUP}[(（\[]?(?P<letter>[A-J])[)）\].:：、．]", re.MULTILINE)
_IN_LINE = re.compile(r"(?<![A-Za-z0-9'’])(?:[(（]\s?(?P<bracketed>[A-J])\s?[)）]|(?P<letter>[A-J])[)）、])")
_AFTER = re.compile(r"[\s*_`~$}\\]*(?:and|or|,|和|或)\s")
_MATHS = re.compile(
    r"\d|\\[a-z]+|\$|\b(?:how many|how much|solve|compute|calculate|prove|integer|equation)\b", re.IGNORECASE
)


def detect_task(question: str) -> TaskName:
    """What kind of question it is: options in order make a choice, numbers or formulas make it maths.

    Args:
        question: The whole question, with its options if it has any.
    """
    if _in_order(_AT_LINE.findall(question), 2) or _in_order(_labels_in_line(question), 3):
        return "choice"
    return "math" if _MATHS.search(question) else "free"


def _labels_in_line(question: str) -> list[str]:
    """Letters that can be the labels of options; `points (A) and (B)` are mentions."""
    return [
        label["bracketed"] or label["letter"]
        for label in _IN_LINE.finditer(question)
        if not _AFTER.match(question, label.end())
    ]


def _in_order(letters: list[str], least: int) -> bool:
    """Whether the last letters from an A on are at least so many, each the next one."""
    if "A" not in letters:
        return False
    run = letters[len(letters) - 1 - letters[::-1].index("A") :]
    return len(run) >= least and run == [chr(ord("A") + index) for index in range(len(run))]
