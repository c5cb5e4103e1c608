"""Which column of a row is what: every name that people and published data sets use for it.

An example: `{"problem": "What is 1+1?", "solution": "2", "answer": "2", "unique_id": "test/1"}` has the fields `id`,
`question` and `answer`; its `solution` is not used.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from peerleap.evals.data.options import Options, read_options
from peerleap.evals.data.problems import LETTERS, DataError, shown

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
# What a question cannot be read without.
_CONTEXT = ("body", "context", "passage", "paragraph", "article")
# One column an option, the right one first where the names say so.
_SPREAD = (
    ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"),
    ("option_a", "option_b", "option_c", "option_d", "option_e"),
    ("choice_a", "choice_b", "choice_c", "choice_d", "choice_e"),
    ("opa", "opb", "opc", "opd", "ope"),
    ("option1", "option2", "option3", "option4", "option5"),
    ("option_1", "option_2", "option_3", "option_4", "option_5"),
    ("choice1", "choice2", "choice3", "choice4", "choice5"),
)
_RIGHT = ("correct_answer", "answer")
_WRONG = re.compile(r"(?:incorrect|wrong)_answer_?\d+|distractor_?\d+")
_MEDIA = ("image", "images", "audio", "video", "decoded_image", "image_1", "image_2", "figure")
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


@lru_cache(maxsize=4096)
def column(name: object) -> str:
    """A column's name without case and kind of blank."""
    return re.sub(r"[\s_]+", "_", str(name).strip().strip("\ufeff").lower())


def fields_of(row: Mapping[Any, Any]) -> tuple[dict[str, Any], Options | None, list[str]]:
    """Find our fields in a row.

    Args:
        row: A row of a file, by the file's column names.

    Returns:
        The fields, those that have no value left out; the options; and the columns that are not used, in order.

    Raises:
        DataError: A column that this package cannot use, or that is probably misspelt.
    """
    cells = {column(name): value for name, value in row.items() if not _empty(value)}
    for name in _MEDIA:
        if name in cells:
            raise DataError(f"column {name!r}={shown(cells[name])}: only text can be asked; leave these rows out")
    used: set[str] = set()
    fields: dict[str, Any] = {}
    options = _right_first(cells, fields, used) or _spread(row, cells, used)
    for field, names in NAMES.items():
        if field in fields:
            continue
        found = next((name for name in names if name in cells and name not in used), None)
        if found is not None and not (field == "choices" and options is not None):
            used.add(found)
            fields[field] = cells[found]
    if "choices" in fields:
        options = read_options(fields.pop("choices"))
    context = next((name for name in _CONTEXT if name in cells), None)
    if context is not None and isinstance(fields.get("question"), str):
        if not isinstance(cells[context], str):
            raise DataError(f"column {context!r}={shown(cells[context])} is not text")
        fields["question"] = f"{cells[context].strip()}\n\n{fields['question']}"
        used.add(context)
    spare = [name for name in map(column, row) if name not in used and name in cells]
    known = {name for names in NAMES.values() for name in names} | _KNOWN
    return fields, options, [name for name in spare if name not in known and not _is_index(name)]


def check_spelling(unused: str, missing: list[str]) -> None:
    """Refuse a column that is most likely one of our fields, misspelt.

    Raises:
        DataError: Names the column and the field.
    """
    known = [name for field in ("id", "question", "answer", "choices", "kind") for name in NAMES[field]]
    if close := get_close_matches(unused, [name for name in known if len(name) > 3], n=1, cutoff=0.8):
        hint = f"; field {missing[0]!r} is missing" if missing else ""
        raise DataError(f"unknown field {unused!r}: did you mean {close[0]!r}?{hint}")


def _right_first(cells: Mapping[str, Any], fields: dict[str, Any], used: set[str]) -> Options | None:
    """Options of which the right one has a column of its own, as GPQA and SciQ have them."""
    right = next((name for name in _RIGHT if name in cells), None)
    wrong = sorted(name for name in cells if _WRONG.fullmatch(name))
    many = cells.get("incorrect_answers")
    if right is None or not (wrong or isinstance(many, list)):
        return None
    used.update({right, "incorrect_answers", *wrong})
    fields["answer"] = "A"
    options = read_options([cells[right], *(cells[name] for name in wrong), *(many or [])])
    return options and Options(options.texts, tuple(LETTERS[: len(options.texts)]))


def _spread(row: Mapping[Any, Any], cells: Mapping[str, Any], used: set[str]) -> Options | None:
    """Options in columns of their own: `A`, `B`, ..., or `option1`, `option2`, ..."""
    for names in _SPREAD:
        present = [name for name in names if name in cells]
        # Small letters are variables.
        letters = names[0] == "a" and not {"A", "B"} <= row.keys()
        if len(present) >= 2 and present == list(names[: len(present)]) and not letters:
            used.update(present)
            options = read_options([cells[name] for name in present])
            labels = tuple(name[-1] for name in present)
            return options and Options(options.texts, labels)
    return None


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _is_index(name: str) -> bool:
    """What pandas calls an index that it has written out."""
    return name in {"", "level_0"} or name.startswith(("unnamed:", "__index_level_"))
