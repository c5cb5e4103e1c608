"""Rows of a local file: JSON lines, JSON, CSV and its relatives, parquet; plain or with gzip.

Every reader yields `(place, row)`: where the row stands, for messages, and its columns as they are in the file.
"""

import codecs
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from peerleap.evals.data.problems import DataError, shown
from peerleap.evals.extras import need

Rows = Iterator[tuple[str, dict[str, Any]]]
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""File names that end so are data sets, those of text also with `.gz` behind."""

MAX_BYTES = 1 << 30
_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def ending(path: Path) -> str:
    """The ending that says how a file is read, in lower case; `""` for a file that is no data set."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".gz"]:
        found = suffixes[0] if len(suffixes) == 2 else ""
        return found if found in ENDINGS and found != ".parquet" else ""
    return suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else ""


def read_rows(path: Path) -> Rows:
    """Yield the rows of a file.

    Args:
        path: A file with one of `ENDINGS`.

    Yields:
        Where the row stands (a line, or a row's number from 1), and its columns.

    Raises:
        DataError: The file cannot be read as its name says; the message names the line.
        MissingExtra: A parquet file, and pyarrow is not installed.
    """
    kind = ending(path)
    if kind == ".parquet":
        return _parquet(path)
    text = _text(path)
    if kind == ".tsv":
        return _csv(path, text, "\t")
    if kind == ".csv":
        return _csv(path, text, _delimiter(text))
    # People name arrays .jsonl, and lines .json.
    whole = text.lstrip()[:1] == "[" or (kind == ".json" and not _is_lines(text))
    return _json(path, text) if whole else _json_lines(path, text)


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


def _text(path: Path) -> str:
    content = _bytes(path)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "UTF-16 without its mark" if b"\0" in content[:64] else f"byte {content[error.start]:#04x}"
        raise DataError(f"{path}:{line}: not UTF-8 ({hint}); save the file as UTF-8") from None


def _bytes(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged, or not gzip ({error})") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: more than {MAX_BYTES >> 30} GB of text; keep the rows that the eval needs")
    return content


def _is_lines(text: str) -> bool:
    """Whether a text that begins with an object goes on with another one on its next line."""
    lines = [line for line in text.split("\n", 64)[:64] if line.strip()]
    if len(lines) < 2:
        return False
    try:
        return all(isinstance(parse_json(line), dict) for line in lines[:2])
    except ValueError:
        return False


def _json_lines(path: Path, text: str) -> Rows:
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


def _json(path: Path, text: str) -> Rows:
    try:
        found = parse_json(text)
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(f"{path}{line}: not JSON ({_why(error)})") from None
    rows = _array(found)
    if rows is None:
        raise DataError(f"{path}: {shown(found)} is not an array of objects; a data set is one, or one object a line")
    for number, row in enumerate(rows, start=1):
        # The hub's row server wraps each row.
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
    if all(isinstance(value, list) and len(value) == len(values[0]) for value in values) and len(values) > 1:
        return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    return None


def _why(error: ValueError) -> str:
    """Python's reason without the document, which may be the whole file."""
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error).partition(":")[0]


def _delimiter(text: str) -> str:
    """The one that splits the header into most columns: people's `.csv` have semicolons and tabs, too."""
    header = next((line for line in text.split("\n") if line.strip()), "")

    def columns(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=columns)


def _csv(path: Path, text: str, delimiter: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    last = 0
    try:
        for cells in reader:
            first, last = last + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if twice := [name for name in header if name and header.count(name) > 1]:
                    raise DataError(f"{path}:{first}: column {twice[0]!r} stands twice")
                continue
            if len(cells) > len(header):
                raise DataError(f"{path}:{first}: more cells than the header names")
            # Rows may be shorter: what is missing is empty.
            yield f"{path}:{first}", dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise DataError(f"{path}:{last + 1}: not CSV ({error})") from None


def _parquet(path: Path) -> Rows:
    arrow = need("pyarrow.parquet", "pyarrow")
    try:
        rows: list[Mapping[str, Any]] = arrow.read_table(path).to_pylist()
    except Exception as error:  # noqa: BLE001 - pyarrow raises what its C++ code raises
        reason = str(error).partition("\n")[0][:120]
        raise DataError(f"{path}: damaged, or not parquet ({reason})") from None
    for number, row in enumerate(rows, start=1):
        yield f"{path}: row {number}", dict(row)
