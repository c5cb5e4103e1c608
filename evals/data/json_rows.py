"""Rows that are written as JSON, in the ways that people and tools arrange them.

An example: `{"features": [], "rows": [{"row_idx": 0, "row": {"question": "What is 1+1?", "answer": 2}}]}`.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peerleap.evals.data.problems import DataError, shown

Rows = Iterator[tuple[str, dict[str, Any]]]
_LOG = logging.getLogger(__name__)
_QUESTIONS = ("question", "Question", "problem", "Problem")


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: Not JSON; also where JSON's rules let pass what no data set means: NaN, a key that stands twice,
            nesting that is too deep, a number with thousands of digits.
    """
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in an object")
    return found


def is_lines(text: str) -> bool:
    """Whether a text that begins with an object goes on with another one on its next line."""
    lines = [line for line in text.split("\n", 64)[:64] if line.strip()]
    if len(lines) < 2:
        return False
    try:
        return all(isinstance(parse_json(line), dict) for line in lines[:2])
    except ValueError:
        return False


def json_lines(path: Path, text: str) -> Rows:
    """The rows of a text with one object a line.

    Raises:
        DataError: A line is none; the message names it.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON ({_why(error)}); one object a line is needed") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: {shown(row)} is not an object")
        yield f"{path}:{number}", row


def json_rows(path: Path, text: str) -> Rows:
    """The rows of one JSON value: an array, an object around one, columns, or a single row.

    Raises:
        DataError: It is none of these, or not JSON, or the server that has sent it has cut a cell.
    """
    try:
        found = parse_json(text)
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(f"{path}{line}: not JSON ({_why(error)})") from None
    rows = _array(found)
    if rows is None:
        raise DataError(f"{path}: {shown(found)} is not an array of objects; a data set is one, or one object a line")
    total = found.get("num_rows_total") if isinstance(found, dict) else None
    if isinstance(total, int) and total > len(rows):
        _LOG.warning("%s: %d of the %d rows that the data set has", path, len(rows), total)
    for number, row in enumerate(rows, start=1):
        # The hub's row server wraps each row.
        if isinstance(row, dict) and "row_idx" in row and row.get("truncated_cells"):
            raise DataError(f"{path}: row {number}: the server has cut {shown(row['truncated_cells'])}")
        inner = row.get("row") if isinstance(row, dict) and "row_idx" in row else row
        if not isinstance(inner, dict):
            raise DataError(f"{path}: row {number}: {shown(row)} is not an object")
        yield f"{path}: row {number}", inner


def _array(found: Any) -> list[Any] | None:
    """The rows of a JSON value: an array, the one array of an object, or columns as pandas writes them."""
    if isinstance(found, list):
        return found
    if not isinstance(found, dict) or not found:
        return None
    values = list(found.values())
    question = next((found[name] for name in _QUESTIONS if name in found), None)
    if isinstance(question, str):
        return [found]  # a data set of one question
    same = all(isinstance(value, list) and len(value) == len(values[0]) for value in values) and len(values) > 1
    columns = [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)] if same else None
    if columns is not None and isinstance(question, list):
        return columns
    if all(isinstance(value, dict) and any(name in value for name in _QUESTIONS) for value in values):
        return values  # `DataFrame.to_json(orient="index")`
    lists = [value for value in values if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(lists) == 1:
        return lists[0]
    if not any(isinstance(value, list | dict) for value in values):
        return [found]  # a data set of one question
    if all(isinstance(value, dict) for value in values):
        # `DataFrame.to_json()`: {"question": {"0": ..., "1": ...}, ...}
        keys = list(values[0])
        if keys and all(list(value) == keys for value in values):
            return [{name: found[name][key] for name in found} for key in keys]
    return columns


def _why(error: ValueError) -> str:
    """Python's reason without the document, which may be the whole file."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error).partition(":")[0]
