"""Data sets in local files: one JSON object a line, or CSV with a header line.

Fields: `id`, `question` (or `problem`), `answer`, and optionally `kind`, `choices`, `source`, `meta`. A file with one
bad row is refused as a whole: a data set that silently lost a question is another data set.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from peerleap.evals.data.problems import DataError, Problem, guess_kind

_FIELDS = {"id", "question", "answer", "kind", "choices", "source", "meta"}


def read_problems(path: str | Path, kind: str | None = None) -> list[Problem]:
    """Every problem of a `.jsonl` or `.csv` file; `kind` is for rows that do not name theirs. Raises `DataError`."""
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{str(path)!r}: a data set is a .jsonl or .csv file")
    if not path.is_file():
        raise DataError(f"{str(path)!r}: no such file")
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line, row in reader(path):
        try:
            problem = problem_from(row, kind, path.name)
        except DataError as error:
            raise DataError(f"{path}:{line}: {error}") from None
        if problem.id in seen:
            raise DataError(f"{path}:{line}: id={problem.id!r} is already used on line {seen[problem.id]}")
        seen[problem.id] = line
        problems.append(problem)
    if not problems:
        raise DataError(f"{path}: the file holds no problems")
    return problems


def problem_from(row: Mapping[str, Any], kind: str | None = None, source: str = "") -> Problem:
    """A problem from one row; raises `DataError` for a missing, unknown or unusable field."""
    fields = {name: value for name, value in row.items() if value not in (None, "")}
    if "problem" in fields and "question" not in fields:
        fields["question"] = fields.pop("problem")
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise DataError(
            f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))} (own data goes into 'meta')"
        )
    for name in ("id", "question", "answer"):
        if name not in fields:
            raise DataError(f"field {name!r} is missing")
        if isinstance(fields[name], bool) or not isinstance(fields[name], str | int | float):
            raise DataError(f"{name}={fields[name]!r} is not text")
        if isinstance(fields[name], float) and not isfinite(fields[name]):
            raise DataError(f"{name}={fields[name]!r} is not a number")
    choices, meta = fields.get("choices"), fields.get("meta", {})
    if choices is not None and not (isinstance(choices, list | tuple) and all(isinstance(c, str) for c in choices)):
        raise DataError(f"choices={choices!r} is not a list of texts")
    if not isinstance(meta, dict):
        raise DataError(f"meta={meta!r} is not an object")
    answer = str(fields["answer"]).strip()
    return Problem(
        id=str(fields["id"]),
        question=str(fields["question"]),
        answer=answer,
        kind=str(fields.get("kind") or kind or guess_kind(answer, choices)),
        choices=None if choices is None else tuple(choices),
        source=str(fields.get("source", source)),
        meta=meta,
    )


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw, parse_constant=_no_number)
        except ValueError as error:  # what is no JSON and what is no UTF-8
            raise DataError(f"{path}:{number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: {row!r} is not an object")
        yield number, row


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        last = 1
        try:
            for row in reader:
                first, last = last + 1, reader.line_num
                if None in row:
                    raise DataError(f"{path}:{first}: more cells than the header names")
                yield first, {**row, **_json_cells(path, first, row)}
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}:{last + 1}: not CSV ({error})") from None


def _json_cells(path: Path, line: int, row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name in ("choices", "meta"):
        if row.get(name):
            try:
                cells[name] = json.loads(row[name])
            except json.JSONDecodeError as error:
                raise DataError(f"{path}:{line}: {name}={row[name]!r} is not JSON ({error})") from None
    return cells


_READERS = {".jsonl": _jsonl, ".csv": _csv}
