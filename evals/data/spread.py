"""Options that have a column each: `A`, `B`, ..., `option_1`, `option_2`, ..., or the right one and the wrong ones.

An example: `{"question": "Which is even?", "option1": "two", "option2": "three", "answer": "1"}`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

from peerleap.evals.data.options import Options, read_options
from peerleap.evals.data.problems import LETTERS, DataError

_ONE = re.compile(r"(?P<stem>option_?|choice_?|op)(?P<label>[a-z]|\d\d?)|(?P<letter>[a-n])")
_RIGHT = ("correct_answer", "answer")
_WRONG = re.compile(r"(?:incorrect|wrong)_answer_?\d+|distractor_?\d+")
# Where the labels of a row begin.
_FIRST = ("a", "0", "1")


@lru_cache(maxsize=4096)
def column(name: object) -> str:
    """A column's name without case and kind of blank."""
    return re.sub(r"[\s_]+", "_", str(name).strip().strip("\ufeff").lower())


def right_first(cells: Mapping[str, Any]) -> tuple[str, Options, set[str]] | None:
    """Options of which the right one has a column of its own, as GPQA and SciQ have them.

    Args:
        cells: A row, by normalised names; no cell is empty.

    Returns:
        The letter of the right option, the options, and the columns that they are from; `None` where there are none.
    """
    right = next((name for name in _RIGHT if name in cells), None)
    wrong = sorted(name for name in cells if _WRONG.fullmatch(name))
    many = cells.get("incorrect_answers")
    if right is None or not (wrong or isinstance(many, list)):
        return None
    options = read_options([cells[right], *(cells[name] for name in wrong), *(many or [])])
    if options is None:
        return None
    labels = tuple(LETTERS[: len(options.texts)])
    return "A", Options(options.texts, labels), {right, "incorrect_answers", *wrong}


def spread_options(row: Mapping[Any, Any], cells: Mapping[str, Any]) -> tuple[Options, set[str]] | None:
    """Options in columns that are named by a letter or a number.

    Args:
        row: A row, by the file's names.
        cells: The same, by normalised names; no cell is empty.

    Returns:
        The options, labelled as their columns are, and these columns; `None` where there are none.

    Raises:
        DataError: An option in the middle is empty: the letters of those behind it would shift.
    """
    found: dict[str, dict[str, str]] = {}
    for name in row:
        match = _ONE.fullmatch(column(name))
        # Small letters are variables.
        if match and (match["stem"] or str(name).strip().isupper()):
            found.setdefault(match["stem"] or "", {})[match["label"] or match["letter"]] = column(name)
    for stem, columns in found.items():
        letters = stem or {"a", "b"} <= columns.keys()
        first = next((label for label in _FIRST if label in columns), None)
        if not letters or first is None or not any(name in cells for name in columns.values()):
            continue
        order = ascii_lowercase if first == "a" else [str(n) for n in range(int(first), 100)]
        labels = [label for label in order if columns.get(label) in cells]
        if len(columns) < 2 or (len(labels) == 1 and labels[0] == first):
            continue
        for label, due in zip(labels, order, strict=False):
            if label != due:
                raise DataError(f"column {columns[label]!r} holds an option, but option {due!r} before it is empty")
        used = [columns[label] for label in labels]
        options = read_options([cells[name] for name in used])
        return None if options is None else (Options(options.texts, tuple(labels)), set(used))
    return None
