r"""The gold answer of a row, from the ways people write it: a worked solution, a letter, an index, an option's text.

An example: `She has 3+4=<<3+4=7>>7 eggs.\n#### 7`, as GSM8K has it, is `7`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from peerleap.evals.data.options import Options
from peerleap.evals.data.problems import LETTERS, DataError, Problem, shown
from peerleap.evals.grading import Grader
from peerleap.graph.answers import last_box

MOST_WORDS = 12
_LETTER = re.compile(
    r"(?:the\s+)?(?:(?:correct\s+)?(?:answer|option|choice)(?:\s+is)?\s*[:：]?\s*)?"
    r"(?:\\(?:text|math)(?:bf|rm)?\s*\{\s*)?[(（\[*]{0,3}(?P<letter>[A-Ja-j])[)）\]*]{0,3}\s*\}?[.:：]?",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"[(（\[*]{0,3}(?P<letter>[A-J])[)）\]*]{0,3}[).:：]\s*(?P<text>\S.*)", re.DOTALL)
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{[^{}]*\}|\\[a-zA-Z]+")
_WORD = re.compile(r"[^\W\d_]{3,}")


def final_answer(text: str) -> str:
    r"""The answer that a gold cell ends with: behind `####`, or in its last box; else the cell as it is."""
    if "####" in text:
        text = text.rpartition("####")[2]
    box = last_box(text)
    return (text if box is None else box).strip()


def check_final(answer: str, kind: str) -> None:
    """Refuse a gold answer that no model could give in a box.

    Raises:
        DataError: It reads like a worked solution.
    """
    words = len(_WORD.findall(_TEXT.sub(" ", answer)))
    if kind in {"math", "text"} and words > MOST_WORDS:
        raise DataError(
            f"answer={shown(answer)} reads like a worked solution ({words} words): give the final answer alone, or end "
            r"the solution with '#### answer' or \boxed{answer}"
        )


def check_golds(problems: Sequence[Problem], grader: Grader) -> None:
    """Refuse problems whose gold answer, put into a box, would not be graded right.

    Args:
        problems: Those of an eval.
        grader: The one that will grade the paths.

    Raises:
        DataError: Names the first of them, and says how many there are.
    """
    wrong = []
    for problem in problems:
        verdict = grader.check(f"\\boxed{{{problem.answer}}}", problem.answer, problem.kind)
        if not verdict.correct:
            wrong.append((problem, verdict.how))
    if wrong:
        problem, how = wrong[0]
        raise DataError(
            f"{len(wrong)} of {len(problems)} gold answers are not graded right against themselves; the first is "
            f"answer={shown(problem.answer)} of question {shown(problem.id)} (kind {problem.kind!r}: {how})"
        )


def letter_in(answer: str) -> str | None:
    r"""The letter that an answer consists of: `b`, `(B)`, `B.`, `\text{(B)}`, `Answer: B`; else `None`."""
    match = _LETTER.fullmatch(answer.strip())
    return match["letter"].upper() if match else None


def index_base(rows: Iterable[tuple[Any, int]]) -> int | None:
    """Whether the indexes of a file count from 0 or from 1.

    Args:
        rows: For each row whose gold is a whole number: the number, and how many options the row has.

    Returns:
        0 or 1; `None` where the file does not show it.

    Raises:
        DataError: Some rows can only count from 0, others only from 1.
    """
    zero = one = False
    for number, options in rows:
        zero |= number == 0
        one |= number == options
    if zero and one:
        raise DataError("the answers are indexes of options that begin at 0 in some rows and at 1 in others")
    return 0 if zero else 1 if one else None


def gold_letter(answer: Any, options: Options, base: int | None) -> str:
    """The letter of the option that a row calls right.

    Args:
        answer: A letter, a label of the row's own, an index, or the option's text.
        options: The row's options.
        base: What its file's indexes begin at, if that is known.

    Returns:
        A letter from A on.

    Raises:
        DataError: No option, or more than one, can be meant.
    """
    letters = LETTERS[: len(options.texts)]
    found: dict[str, str] = {}
    text = str(answer).strip()
    by_label = [n for n, label in enumerate(options.labels) if label.casefold() == text.casefold()]
    letter = letter_in(text) if isinstance(answer, str) else None
    if len(by_label) == 1:
        return LETTERS[by_label[0]]
    if letter is not None and letter in letters:
        found["letter"] = letter
    same = [n for n, option in enumerate(options.texts) if _plain(option) == _plain(text)]
    if not same and (lettered := _LETTERED.fullmatch(text)) and lettered["letter"] in letters:
        place = letters.index(lettered["letter"])
        if _plain(options.texts[place]) == _plain(lettered["text"]):
            same = [place]
    if len(same) == 1:
        found["text"] = letters[same[0]]
    if not found or isinstance(answer, int):
        found |= _by_index(answer, letters, base)
    if not found:
        raise DataError(f"answer={shown(answer)} is not one of the letters {letters!r} nor the text of one option")
    if len(set(found.values())) > 1:
        meant = " or ".join(f"{value} (by its {way})" for way, value in found.items())
        raise DataError(f"answer={shown(answer)} can mean {meant}; give the letter of the right option")
    return next(iter(found.values()))


def _by_index(answer: Any, letters: str, base: int | None) -> dict[str, str]:
    text = str(answer).strip()
    if not text.isascii() or not text.removesuffix(".0").isdigit() or len(text) > 4:
        return {}
    number = int(text.removesuffix(".0"))
    possible = [number - first for first in ((0, 1) if base is None else (base,))]
    places = [place for place in possible if 0 <= place < len(letters)]
    if len(places) > 1:
        raise DataError(
            f"answer={shown(answer)} is an index, and the file does not show whether 0 or 1 is the first option; "
            "give the letter of the right option"
        )
    return {"index": letters[places[0]]} if places else {}


def _plain(text: str) -> str:
    return re.sub(r"[\s$]+", " ", text).strip(" .").casefold()
