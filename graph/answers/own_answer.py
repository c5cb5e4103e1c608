"""A path's own answer, read from what it generated itself: never from its prompt, a comment or a tool's result."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from peerleap.graph.answers.boxed import last_box
from peerleap.graph.answers.normalize import maths_form, without_fonts
from peerleap.graph.answers.tex import FONTS
from peerleap.graph.history import OWN, Segment, storable
from peerleap.graph.settings import TaskName

_OPENED = "\\boxed{"
# What a model writes as if its peers had, where it was not stopped in time.
_INVENTED = re.compile(r"<comment>.*?(?:</comment>|\Z)", re.DOTALL)
_INVENTED_WHOLE = re.compile(r"<comment>.*?</comment>", re.DOTALL)
_SAID = re.compile(
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
_AROUND = rf"(?:\\(?:{FONTS}|text|[lL]arge|bf|rm)\b|\W)*+"
# `I` and `A` can be words: `I don't know` and `A number` choose nothing, `A is right` does. A small one is alone.
_LETTER = re.compile(
    rf"^{_AROUND}(?:(?i:option|choice|answer)\b{_AROUND})?"
    r"(?P<answer>[A-J](?![A-Za-z]|(?<=[AI])\s+(?!is\b)[a-z])|[a-j](?=\W*$))"
)
_CHOSEN = re.compile(
    r"(?:final\s+answer|answer|correct\s+(?:option|choice))\W{0,4}(?:is|:|=)\W{0,6}(?:option\s+|choice\s+)?"
    r"(?P<answer>(?-i:[A-J])(?![A-Za-z])|[a-j](?=\)))",  # 'the answer is a number' chooses nothing
    re.IGNORECASE,
)
_OPTION = re.compile(r"^[ \t]*[(\[]?([A-J])[)\].:]\s+\S", re.MULTILINE)
_MATHS = re.compile(
    r"\d|\\[a-z]+|\$|\b(?:how many|how much|solve|compute|calculate|prove|integer|equation)\b", re.IGNORECASE
)


def detect_task(question: str) -> TaskName:
    """What kind of question it is: two options or more in order make a choice, numbers or formulas make it maths."""
    letters = _OPTION.findall(question)
    if len(letters) >= 2 and letters == sorted(set(letters)) and letters[0] == "A":
        return "choice"
    return "math" if _MATHS.search(question) else "free"


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
    answer = _own_text(segments, {"answer"})
    thought = _own_text(segments, OWN - {"answer"})
    for text in (answer, thought):
        found = _find(text, task)
        if found:
            return found
    if task == "free" and answer.strip():
        return Found(_unwrapped(answer), boxed=False)
    # The answer section can name the tag, or open it and then answer: taken where there is nothing better.
    left = _own_text(segments, {"answer"}, _INVENTED_WHOLE)
    found = _find(left, task) if left != answer else None
    if task == "free" and not found and left.strip():
        return Found(_unwrapped(left), boxed=False)
    return found and found._replace(boxed=False)


def canonical(answer: str, task: TaskName) -> str:
    """A form in which answers that mean the same are equal; reads text only, evaluates nothing."""
    text = answer.strip()
    if task == "choice":
        letter = _LETTER.match(text)
        return letter["answer"].upper() if letter else text.casefold()
    if task == "math":
        return maths_form(text)
    return _plain(without_fonts(text))


def _plain(text: str) -> str:
    """Free text without what says nothing: blanks, case, quotes and markup around it, a full stop behind it."""
    text = " ".join(text.replace("\N{MINUS SIGN}", "-").split()).casefold()
    shorter = text
    while (left := _unwrapped(shorter).rstrip(".,;:!? ")) and left != shorter:
        shorter = left
    return shorter


def _own_text(segments: list[Segment], kinds: frozenset[str] | set[str], invented: re.Pattern[str] = _INVENTED) -> str:
    runs: list[str] = []
    for before, segment in zip([None, *segments], segments, strict=False):
        if segment["kind"] in kinds:
            opened = before is not None and before["kind"] == "nudge" and before["text"].endswith(_OPENED)
            # Where one request goes on from the last, a break would tear a word or a number apart.
            if before is None or before["kind"] not in kinds:
                runs.append(_OPENED if opened else "")
            # A box that begins with a line break would be taken for one that was left open long ago.
            runs[-1] += segment["text"].lstrip() if runs[-1] == _OPENED else segment["text"]
    return "\n\n".join(invented.sub("", run) for run in runs)


def _find(text: str, task: TaskName) -> Found | None:
    box = last_box(text, unclosed=True)
    letter = _LETTER.match(box) if box and task == "choice" else None
    answer = letter["answer"].upper() if letter else box if task != "choice" else None
    if answer:
        return Found(answer, boxed=box == last_box(text))
    prose = _said(text, task)
    return Found(prose, boxed=False) if prose else None


def _said(text: str, task: TaskName) -> str | None:
    if task == "choice":
        chosen = list(_CHOSEN.finditer(text))
        return chosen[-1]["answer"].upper() if chosen else None
    if task == "free":
        labelled = list(_FREE.finditer(text))
        return _labelled(labelled[-1]) if labelled else None
    said = list(_SAID.finditer(text))
    if not said or (said[-1]["number"] and said[-1]["more"]):
        return None
    return said[-1]["number"] or said[-1]["formula"].strip(" $")


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
