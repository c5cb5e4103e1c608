"""Data sets in local files.

A row has `id`, `question`, `answer`, and optionally `kind`, `choices`, `source`, `meta`, under these names or under
those that published data sets use (`columns.py`):

    {"id": "q1", "question": "What is 1 + 1?", "answer": 2}

A file with one bad row is refused as a whole: a data set that silently lost a question is another data set.
"""

import logging
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from peerleap.evals.data.columns import Found, check_spelling, fields_of
from peerleap.evals.data.gold import check_filled, check_final, final_answer
from peerleap.evals.data.json_rows import parse_json
from peerleap.evals.data.letters import (
    Indexes,
    check_no_option,
    check_rivals,
    gold_letter,
    indexes_of,
    letter_in,
    whole,
)
from peerleap.evals.data.options import Options, find_options
from peerleap.evals.data.problems import DataError, Problem, guess_kind, shown
from peerleap.evals.data.tables import ENDINGS, ending, read_rows

_LOG = logging.getLogger(__name__)
# Where a picture was, and where MAWPS has taken out the numbers. `<video>` within a sentence is HTML.
_SLOT = re.compile(r"<image(?:[ _]?\d+)?>|<(?:audio|video)[ _]?\d+>|^\s*<(?:audio|video)>\s*$|\bN_0\d\b", re.MULTILINE)
_NEEDED = ("id", "question", "answer")


def read_problems(path: str | Path, kind: str | None = None) -> list[Problem]:
    """Read every problem of a file.

    Args:
        path: A file whose name ends in one of `ENDINGS`, those of text also with `.gz` behind.
        kind: The kind of rows that do not name theirs; `None` guesses it from the answer.

    Returns:
        The problems, in the file's order.

    Raises:
        DataError: The file, or one of its rows, cannot be used; the message names the line.
    """
    path = Path(path)
    if not ending(path):
        raise DataError(f"{str(path)!r}: a data set is a {', '.join(ENDINGS[:-1])} (also .gz) or {ENDINGS[-1]} file")
    if path.is_dir():
        raise DataError(f"{str(path)!r} is a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise DataError(f"{str(path)!r} is a device or a pipe: name a file")
    if not path.exists():
        raise DataError(f"{str(path)!r}: no such file")
    rows = [(place, _placed(place, row)) for place, row in read_rows(path)]
    if not rows:
        raise DataError(f"{path}: the file holds no problems")
    try:
        indexes = indexes_of((_single(row.fields.get("answer")), row.options) for _, row in rows if row.options)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    named = any("id" in row.fields for _, row in rows)
    stem = path.name.partition(".")[0]
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for number, (place, row) in enumerate(rows):
        try:
            problem = _problem(row, kind, path.name, indexes, None if named else f"{stem}-{number:04d}")
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        if problem.id in seen:
            raise DataError(f"{place}: id={shown(problem.id)} is already used on {_line(seen[problem.id])}")
        seen[problem.id] = place
        problems.append(problem)
    if unused := list(dict.fromkeys(name for _, row in rows for name in row.unused)):
        _LOG.warning("%s: not used: %s", path, ", ".join(map(repr, unused[:10])))
    return problems


def problem_from(row: Mapping[str, Any], kind: str | None = None, source: str = "") -> Problem:
    """Make a problem of one row.

    Args:
        row: The row, by its columns' names.
        kind: The kind, where the row does not name it; `None` guesses it from the answer.
        source: Where the row comes from, where it does not say so.

    Returns:
        The problem.

    Raises:
        DataError: A field is missing or cannot be used.
    """
    return _problem(fields_of(row), kind, source, Indexes(None))


def _placed(place: str, row: Mapping[str, Any]) -> Found:
    try:
        return fields_of(row)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None


def _problem(row: Found, kind: str | None, source: str, indexes: Indexes, place_id: str | None = None) -> Problem:
    fields, options, columns = row.fields, row.options, [*row.fields, *row.unused]
    if place_id is not None:
        fields["id"] = place_id
    missing = [name for name in _NEEDED if name not in fields]
    for name in row.unused:
        check_spelling(name, missing)
    if missing:
        there = f"; the columns are {', '.join(map(repr, columns[:12]))}" if columns else ""
        raise DataError(f"field {missing[0]!r} is missing{there}")
    answer = _single(fields["answer"])
    texts = {name: _text(name, value) for name, value in {**fields, "answer": answer}.items() if name in _NEEDED}
    kind = str(fields["kind"]).strip().lower() if "kind" in fields else kind
    question, gold = texts["question"].replace("\r\n", "\n").strip(), final_answer(texts["answer"])
    if options is None and kind in {None, "choice"}:
        options, question = _inside(question, gold, kind)
    if options is not None and kind in {None, "choice"}:
        number = whole(answer)
        gold = gold_letter(answer if number is not None else gold, options, indexes)
    elif options is None and kind == "choice":
        raise DataError("kind='choice' with choices=None, and no options in the question")
    elif options is None:
        check_filled("answer", gold)
        check_no_option(gold, row.gold, row.unused)
    check_filled("question", question)
    if slot := _SLOT.search(question):
        raise DataError(f"question={shown(question)} holds {slot[0]!r}, which stands for something that is not there")
    check_rivals(gold, row.gold, row.rivals, options)
    kind = kind or guess_kind(gold, options)
    check_final(gold, kind)
    return Problem(
        id=texts["id"].strip(),
        question=question,
        answer=gold,
        kind=kind,
        choices=None if options is None else options.texts,
        source=str(fields.get("source", source)),
        meta=_meta(fields.get("meta", {})),
    )


def _inside(question: str, gold: str, kind: str | None) -> tuple[Options | None, str]:
    """Options that the question's text holds, where the gold answer is the letter or the text of one of them."""
    found = find_options(question)
    if found is None:
        return None, question
    stem, texts = found
    letter = letter_in(gold)
    named = letter is not None and ord(letter) - ord("A") < len(texts)
    if not named and kind != "choice":
        try:
            gold_letter(gold, Options(texts), Indexes(None))
        except DataError:
            return None, question
        if gold.isdigit() and gold not in texts:
            return None, question  # the index of an option would be a guess
    return Options(texts), stem


def _single(answer: Any) -> Any:
    """The answer of a list of one; a list of more has several right answers."""
    if isinstance(answer, list | tuple) and len(answer) == 1:
        return _single(answer[0])
    return answer


def _text(name: str, value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) > 1 and name == "answer":
        raise DataError(f"answer={shown(value)} is a list: one right answer is needed, as text")
    if isinstance(value, bool) and name == "answer":
        raise DataError(f"answer={value} is not text; write it as a word, such as 'yes'")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(f"{name}={shown(value)} is not text")
    if isinstance(value, float) and not isfinite(value):
        raise DataError(f"{name}={value!r} is not a number")
    if isinstance(value, int) and value.bit_length() > 4096:
        raise DataError(f"{name} is a number of over 1,000 digits")
    # pandas makes floats of whole numbers where a cell of their column is empty.
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else str(value)


def _meta(meta: Any) -> Mapping[str, Any]:
    if isinstance(meta, str):
        try:
            meta = parse_json(meta)
        except ValueError as error:
            raise DataError(f"meta={shown(meta)} is not JSON ({error})") from None
    if not isinstance(meta, Mapping):
        raise DataError(f"meta={shown(meta)} is not an object")
    return meta


def _line(place: str) -> str:
    """`line 3` of `questions.jsonl:3`, `row 3` of `questions.json: row 3`."""
    tail = place.rpartition(": ")[2] if ": row " in place else place.rpartition(":")[2]
    return tail if tail.startswith("row ") else f"line {tail}"
