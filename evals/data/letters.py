"""The option that a row calls right, from the ways people write it: a letter, a label, an index, the option's text.

An example: where another row of the file has a 0, `2` is the third option.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from peerleap.evals.data.gold import final_answer
from peerleap.evals.data.options import Options
from peerleap.evals.data.problems import LETTERS, DataError, shown
from peerleap.evals.grading import GRADERS, Verdict

_LETTER = re.compile(
    r"(?:the\s+)?(?:(?:correct\s+)?(?:answer|option|choice)(?:\s+is)?\s*[:：]?\s*)?"
    r"(?:\\(?:text|math)(?:bf|rm)?\s*\{\s*)?[(（\[*]{0,3}(?P<letter>[A-Ja-j])[)）\]*]{0,3}\s*\}?[.:：]?",
    re.IGNORECASE,
)
# Columns that hold nothing but the place of an option.
_KEYS = frozenset(
    [
        "correct_option",
        "correct_choice",
        "cop",
        "answer_idx",
        "answer_index",
        "gold_index",
        "correct_index",
        "answerkey",
    ]
)
_LETTERED = re.compile(r"[(（\[*]{0,3}(?P<letter>[A-J])[)）\]*]{0,3}[).:：]\s*(?P<text>\S.*)", re.DOTALL)


def letter_in(answer: str) -> str | None:
    r"""The letter that an answer consists of: `b`, `(B)`, `B.`, `\text{(B)}`, `Answer: B`; else `None`."""
    match = _LETTER.fullmatch(answer.strip())
    return match["letter"].upper() if match else None


class Indexes(NamedTuple):
    """What the gold answers of a file that are whole numbers say about each other."""

    base: int | None
    """Whether they count options from 0 or from 1; `None` where the file does not show it."""
    some: bool = False
    """At least one of them can be nothing but the index of an option."""
    all: bool = False
    """So they all are: every row with options has one, and each is in range."""


def indexes_of(rows: Iterable[tuple[Any, Options]]) -> Indexes:
    """What the gold answers of a file show about indexes.

    Args:
        rows: For each row with options: its gold answer and its options.

    Raises:
        DataError: Some rows can only count from 0, others only from 1.
    """
    rows = list(rows)
    numbers = [(number, answer, options) for answer, options in rows if (number := whole(answer)) is not None]
    zero = any(number == 0 for number, _, _ in numbers)
    one = any(number == len(options.texts) for number, _, options in numbers)
    some = any(not _by_name(answer, options) for _, answer, options in numbers)
    if zero and one:
        if not some:
            return Indexes(None)
        raise DataError("the answers are indexes of options that begin at 0 in some rows and at 1 in others")
    base = 0 if zero else 1 if one else None
    uniform = base is not None and len(numbers) == len(rows)
    every = uniform and some and all(0 <= number - (base or 0) < len(options.texts) for number, _, options in numbers)
    return Indexes(base, some, every)


def whole(answer: Any) -> int | None:
    """A gold answer that may be the index of an option."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, float) and answer.is_integer() and abs(answer) < 100:
        return int(answer)
    if isinstance(answer, str) and answer.strip().isascii() and answer.strip().isdigit() and len(answer.strip()) < 3:
        return int(answer)
    return answer if isinstance(answer, int) and abs(answer) < 100 else None


def gold_letter(answer: Any, options: Options, indexes: Indexes) -> str:
    """The letter of the option that a row calls right.

    Args:
        answer: A letter, a label of the row's own, an index, or the option's text.
        options: The row's options.
        indexes: What the file shows about its indexes.

    Returns:
        A letter from A on.

    Raises:
        DataError: No option, or more than one, can be meant.
    """
    letters = LETTERS[: len(options.texts)]
    found = _by_name(answer, options)
    if "label" in found:
        return found["label"]
    if indexes.all:
        found = _by_index(answer, letters, indexes.base)
    elif not found or isinstance(answer, int) or indexes.some:
        found |= _by_index(answer, letters, indexes.base)
    if not found:
        raise DataError(f"answer={shown(answer)} is not one of the letters {letters!r} nor the text of one option")
    if len(set(found.values())) > 1:
        meant = " or ".join(f"{value} (by its {way})" for way, value in found.items())
        raise DataError(f"answer={shown(answer)} can mean {meant}; give the letter of the right option")
    return next(iter(found.values()))


def check_no_option(gold: str, column: str, unused: Iterable[str]) -> None:
    """Refuse a gold answer that names an option where no options were found: they would be missing in the question.

    Raises:
        DataError: Names the column.
    """
    if gold.casefold() in unused:
        raise DataError(f"answer={shown(gold)} is the name of a column that is not used: name options A, B, ...")
    if column in _KEYS and (whole(gold) is not None or letter_in(gold) is not None):
        raise DataError(f"column {column!r}={shown(gold)} names an option, and there are none: is 'choices' missing?")


def check_rivals(gold: str, column: str, rivals: Mapping[str, Any], options: Options | None) -> None:
    """Refuse a row in which another column that could hold the gold answer holds a different one.

    Such are the candidate answer beside its label, a model's answer beside the true one, and a key that was corrected.

    Args:
        gold: The gold answer, as it was read.
        column: The column that it is from.
        rivals: The other columns.
        options: Those of the row; then the gold answer is a letter.

    Raises:
        DataError: Names both columns.
    """
    for name, value in rivals.items():
        items = value if isinstance(value, list | tuple) else [value]
        if isinstance(value, Mapping) or any(_agrees(gold, item, options) for item in items):
            continue
        raise DataError(
            f"columns {column!r} and {name!r} disagree: {shown(gold)} is read, {shown(value)} is there too; leave out "
            "the one that does not hold the right answer"
        )


def _agrees(gold: str, other: Any, options: Options | None) -> bool:
    if isinstance(other, bool):
        return other  # whether the answer is right
    if options is None:
        text = final_answer(str(other))
        verdict = GRADERS["math"](f"\\boxed{{{text}}}", gold)
        # What only algebra could tell apart is no contradiction.
        return _plain(text) == _plain(gold) or not isinstance(verdict, Verdict) or verdict.correct
    number, letters = whole(other), LETTERS[: len(options.texts)]
    places = [] if number is None else [number, number - 1]
    meant = {letters[place] for place in places if 0 <= place < len(letters)}
    return gold in {*meant, *_by_name(other, options).values()}


def _by_name(answer: Any, options: Options) -> dict[str, str]:
    """The option that an answer names by the row's own label, by a letter, or by its text."""
    letters = LETTERS[: len(options.texts)]
    text = str(answer).strip()
    by_label = [n for n, label in enumerate(options.labels) if label.casefold() == text.casefold()]
    if len(by_label) == 1:
        return {"label": LETTERS[by_label[0]]}
    found: dict[str, str] = {}
    letter = letter_in(text) if isinstance(answer, str) else None
    if letter is not None and letter in letters:
        found["letter"] = letter
    same = [n for n, option in enumerate(options.texts) if _plain(option) == _plain(text)]
    if not same and (lettered := _LETTERED.fullmatch(text)) and lettered["letter"] in letters:
        place = letters.index(lettered["letter"])
        if _plain(options.texts[place]) == _plain(lettered["text"]):
            same = [place]
    if len(same) == 1:
        found["text"] = letters[same[0]]
    return found


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
