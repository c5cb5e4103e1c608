"""Which column of a row is what: every name that people and published data sets use for it.

An example: `{"problem": "What is 1+1?", "solution": "2", "answer": "2", "unique_id": "test/1"}` has the fields `id`,
`question` and `answer`; its `solution` is not used.
"""

import re
from collections.abc import Mapping
from difflib import SequenceMatcher, get_close_matches
from math import isnan
from typing import Any, NamedTuple

from peerleap.evals.data.gold import check_worked
from peerleap.evals.data.options import Options, read_options
from peerleap.evals.data.problems import DataError, shown
from peerleap.evals.data.spread import column, right_first, spread_options

# The first name that a row has a value for is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "_id", "uid", "qid", "unique_id", "question_id", "problem_id", "problem_idx", "record_id", "task_id",
           "example_id", "sample_id", "idx", "index"),
    "question": ("question", "problem", "prompt", "query", "input", "question_text", "problem_text", "question_stem",
                 "problem_statement", "instruction", "ctx", "题目", "问题"),
    "answer": ("answer", "gold", "gold_answer", "ground_truth", "final_answer", "expected_answer", "correct_answer",
               "reference_answer", "answer_key", "answerkey", "correct_option", "correct_choice", "target", "label",
               "correct", "cop", "answer_idx", "answer_index", "gold_index", "correct_index", "答案", "solution"),
    "choices": ("choices", "options", "answer_choices", "endings", "candidates", "选项"),
    "kind": ("kind",),
    "source": ("source",),
    "meta": ("meta", "metadata"),
}  # fmt: skip
_WORKED = "solution"
# What a question cannot be read without.
_CONTEXT = ("body", "context", "passage", "paragraph", "article")
# A picture, a sound or a film that a question is about; `rationale_image` is none.
_MEDIA = re.compile(
    r"(?:decoded_)?(?:image|img|picture|figure|diagram|photo|audio|video)s?(?:_?\d+|_(?:path|file|url|name|bytes|id))?"
)
# Columns of published data sets that say nothing about the question; they go without a word.
_KNOWN = frozenset(
    [
        "level",
        "subject",
        "type",
        "url",
        "year",
        "solution",
        "explanation",
        "rationale",
        "cot_content",
        "category",
        "src",
        "split",
        "difficulty",
        "domain",
        "subdomain",
        "topic",
        "high-level_domain",
        "question_concept",
        "cleaning_status",
        "meta_info",
        "support",
        "exp",
        "choice_type",
        "other",
        "solution_text",
    ]
)


class Found(NamedTuple):
    """What a row says."""

    fields: dict[str, Any]
    """Our fields; those that have no value are left out."""
    options: Options | None
    unused: list[str]
    """Columns that are not used, in order."""
    gold: str
    """The column that the gold answer is from."""
    rivals: dict[str, Any]
    """Other columns that could hold the gold answer, too."""


def fields_of(row: Mapping[Any, Any]) -> Found:
    """Find our fields in a row.

    Args:
        row: A row of a file, by the file's column names.

    Returns:
        What it says.

    Raises:
        DataError: A column that this package cannot use, or two that cannot both be right.
    """
    cells = _cells(row)
    used: set[str] = set()
    fields: dict[str, Any] = {}
    gold, rivals = "", dict[str, Any]()
    options: Options | None = None
    if (right := right_first(cells)) is not None:
        fields["answer"], options, used = right
    elif (spread := spread_options(row, cells)) is not None:
        options, used = spread
    for field, names in NAMES.items():
        present = [name for name in names if name in cells and name not in used]
        if field in fields or not present or (field == "choices" and options is not None):
            continue
        if present[0] == "metadata" and not isinstance(cells["metadata"], Mapping):
            continue  # of many published rows it is a text of any form
        used.add(present[0])
        fields[field] = cells[present[0]]
        if field == "question":
            _check_one_question(present, cells)
        if field == "answer":
            gold = present[0]
            rivals = {name: cells[name] for name in present[1:] if name != _WORKED}
            if gold == _WORKED:
                check_worked(cells[_WORKED])
    if "choices" in fields:
        options = read_options(fields.pop("choices"))
    context = next((name for name in _CONTEXT if name in cells), None)
    if context is not None and isinstance(fields.get("question"), str):
        if not isinstance(cells[context], str):
            raise DataError(f"column {context!r}={shown(cells[context])} is not text")
        fields["question"] = f"{cells[context].strip()}\n\n{fields['question']}"
        used.add(context)
    spare = [name for name in cells if name not in used]
    known = {name for names in NAMES.values() for name in names if name != "metadata"} | _KNOWN
    return Found(fields, options, [name for name in spare if name not in known and not _is_index(name)], gold, rivals)


def check_spelling(unused: str, missing: list[str]) -> None:
    """Refuse a column that is most likely one of our fields, misspelt.

    Raises:
        DataError: Names the column and the field.
    """
    known = [name for field in ("id", "question", "answer", "choices", "kind") for name in NAMES[field]]
    close = get_close_matches(unused, [name for name in known if len(name) > 3], n=1, cutoff=0.8)
    if close and len(unused) > 3 and _same_words(unused, close[0]):
        hint = f"; field {missing[0]!r} is missing" if missing else ""
        raise DataError(f"unknown field {unused!r}: did you mean {close[0]!r}?{hint}")


def _same_words(name: str, known: str) -> bool:
    """Whether each word of a name may be one of the other's: `question_type` is no `question_text`."""
    pairs = list(zip(name.split("_"), known.split("_"), strict=False))
    return name.count("_") != known.count("_") or all(SequenceMatcher(None, *pair).ratio() > 0.65 for pair in pairs)


def _cells(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The cells that are not empty, by normalised names.

    Raises:
        DataError: Two columns whose names differ in case or blanks only; one without a name; one that is no text.
    """
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if _empty(value):
            continue
        normal = column(name)
        if normal in cells and cells[normal] != value:
            raise DataError(f"column {normal!r} stands twice, with {shown(cells[normal])} and {shown(value)}")
        if normal.startswith("unnamed:") and not _is_index(normal):
            raise DataError(f"column {name!r}={shown(value)} has no name: is a cell in front of it unquoted?")
        if _MEDIA.fullmatch(normal) and value is not False:
            raise DataError(f"column {normal!r}={shown(value)}: only text can be asked; leave these rows out")
        cells[normal] = value
    return cells


def _check_one_question(names: list[str], cells: Mapping[str, Any]) -> None:
    """Refuse a row in which two columns hold different parts of a question, such as an instruction and its input."""
    first, *others = [name for name in names if isinstance(cells[name], str)] or [""]
    for other in others:
        one, two = (" ".join(cells[name].split()) for name in (first, other))
        if one not in two and two not in one:
            raise DataError(f"columns {first!r} and {other!r} both hold a question: join them, or leave one out")


def _empty(value: Any) -> bool:
    if isinstance(value, float):
        return isnan(value)
    return value is None or (isinstance(value, str | list | dict) and not value)


def _is_index(name: str) -> bool:
    """What pandas calls an index that it has written out."""
    return name in {"", "level_0"} or name.startswith(("unnamed:_0", "_index_level_"))
