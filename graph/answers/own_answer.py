"""A path's own answer, read from what it generated itself: never from its prompt, a comment or a tool's result."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from peerleap.graph.answers.boxed import boxed_answers, last_box
from peerleap.graph.answers.choices import choice_letter, letter_in_box
from peerleap.graph.answers.normalize import maths_form, squeezed_words
from peerleap.graph.answers.own_text import own_text
from peerleap.graph.history import OWN, Segment, storable
from peerleap.graph.settings import TaskName

# Full-width signs, and quotes and dashes that keyboards have otherwise.
_TYPED = {sign: chr(sign - 0xFEE0) for sign in range(0xFF01, 0xFF5F)} | {0x2212: "-", 0x2018: "'", 0x2019: "'"}
_STATED = re.compile(
    r"answer(?:\s+is|[\s*]*+[:=])[\s*:=]*+(?:(?P<formula>\$[^$\n]+\$)|(?P<number>(?>[-+−]?[\d,]*\.?\d+(?:/\d+)?)))"
    # A number that goes on as a formula is no answer: 3.5\times10^4, 1e5, 2^{10}, 12:30.
    r"(?P<more>e[+-]?\d|:\d|\^|[ \t]*\\(?:times|cdot|div|pm|sqrt|pi|[dt]?frac)"
    r"|[ \t]*(?:\*[ \t]*\d|[-+−/=·×÷][ \t]*(?:[\d\\{]|\(\d)))?",
    re.IGNORECASE,
)
# Only blanks and the label's own markup stand before the answer: a sign, a bracket or a quote belongs to it.
_FREE = re.compile(
    r"^[^\w\n]{0,6}?(?P<mark>\**+)final\s+answer(?P<inner>\**)[ \t]*:(?P<after>\*+(?=\s)|(?P=mark))?\s*+"
    r"(?P<answer>\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_WRAPPED = re.compile(
    r"(?P<mark>\*{1,3}|`{1,3}|\${1,2}|[\"'])(?=\S)(?P<marked>(?:(?!(?P=mark)).)+)(?<=\S)(?P=mark)"
    r"|[“„](?P<double>[^“„”]+)[“”]|‘(?P<single>[^‘’]+)’|«(?P<angled>[^«»]+)»",
    re.DOTALL,
)


class Found(NamedTuple):
    """A path's own answer."""

    answer: str
    boxed: bool
    r"""Whether it stands in a closed `\boxed{}`, as the prompts of `math` and `choice` demand and graders read it."""


def extract_answer(history: Iterable[Segment], task: TaskName) -> str | None:
    """The answer that a path gave, or `None`: what `find_answer` finds, as it can be stored."""
    found = find_answer(history, task)
    return (storable(found.answer).strip() or None) if found else None


def find_answer(history: Iterable[Segment], task: TaskName) -> Found | None:
    r"""The answer that a path gave, in a box or in prose, or `None`.

    The answer section counts before the thought. The last box wins; an unclosed `\boxed{` at the very end is read to
    the end of its line, and the box that a forced answer was given counts as opened.
    """
    segments = list(history)
    if task == "choice":
        return _letter(own_text(segments))
    answer = own_text(segments, {"answer"})
    for text in (answer, own_text(segments, OWN - {"answer"})):
        found = _find(text, task)
        if found:
            return found
    if task == "free" and answer.strip():
        return Found(_unwrapped(answer), boxed=False)
    # The answer section can name the tag, or open it and then answer: taken where there is nothing better.
    left = own_text(segments, {"answer"}, invented=True)
    found = _find(left, task) if left != answer else None
    if task == "free" and not found and left.strip():
        return Found(_unwrapped(left), boxed=False)
    return found and found._replace(boxed=False)


def canonical(answer: str, task: TaskName) -> str:
    """A form in which answers that mean the same are equal; reads text only, evaluates nothing."""
    text = answer.strip()
    if task == "choice":
        return letter_in_box(text) or text.casefold()
    if task == "math":
        return maths_form(text)
    return _plain(squeezed_words(text))


def _plain(text: str) -> str:
    """Free text without what says nothing: blanks, case, quotes and markup around it, a full stop behind it."""
    text = re.sub(r"(?<=\w)(?:~|\\ )(?=\w)", " ", text.translate(_TYPED))
    text = " ".join(unicodedata.normalize("NFC", text).split()).casefold()
    shorter = text
    while (left := _unwrapped(shorter).rstrip(".,;:!? ")) and left != shorter:
        shorter = left
    return shorter


def _letter(text: str) -> Found | None:
    """The letter that a path settles on, as graders read it; a box that was cut off counts where there is no other."""
    letter = choice_letter(text)
    if letter is not None:
        box = last_box(text)
        return Found(letter, boxed=box is not None and letter_in_box(box) == letter)
    box = last_box(text, unclosed=True)
    cut = letter_in_box(box) if box is not None and box != last_box(text) else None
    return Found(cut, boxed=False) if cut else None


def _find(text: str, task: TaskName) -> Found | None:
    box, closed = last_box(text, unclosed=True), boxed_answers(text)
    if box:
        whole = bool(closed) and box == closed[-1]
        return Found(", ".join(closed) if whole and task == "math" else box, boxed=whole)
    prose = _in_prose(text, task)
    return Found(prose, boxed=False) if prose else None


def _in_prose(text: str, task: TaskName) -> str | None:
    if task == "free":
        labelled = list(_FREE.finditer(text))
        return _labelled(labelled[-1]) if labelled else None
    stated = list(_STATED.finditer(text))
    if not stated or (stated[-1]["number"] and stated[-1]["more"]):
        return None
    return stated[-1]["number"] or stated[-1]["formula"].strip(" $")


def _labelled(line: re.Match[str]) -> str:
    """What stands after `Final answer:`, without the markup around the whole of the line or of the answer."""
    answer, mark = line["answer"].strip(), line["mark"]
    if mark and not line["inner"] and not line["after"]:
        answer = answer.removesuffix(mark).strip() or answer
    return _unwrapped(answer)


def _unwrapped(text: str) -> str:
    """The text without quotes and markup that enclose it as a pair."""
    text = text.strip()
    while (pair := _WRAPPED.fullmatch(text)) and pair.lastgroup and (inside := pair[pair.lastgroup].strip()):
        text = inside
    return text
