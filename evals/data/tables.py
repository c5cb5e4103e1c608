"""Rows of a local file: JSON lines, JSON, CSV and its relatives, parquet; plain or with gzip.

Every reader yields `(place, row)`: where the row stands, for messages, and its columns as they are in the file.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerleap.evals.data.json_rows import Rows, is_lines, json_lines, json_rows
from peerleap.evals.data.problems import DataError, shown
from peerleap.evals.extras import need

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


# What files begin with that were renamed, or are packed in a way that is not read here.
_PACKED = (
    (b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "a zip archive or a spreadsheet"), (b"PAR1", "parquet"), (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"ARROW1", "Arrow"),
)  # fmt: skip


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
    whole = text.lstrip()[:1] == "[" or (kind == ".json" and not is_lines(text))
    return json_rows(path, text) if whole else json_lines(path, text)


def _text(path: Path) -> str:
    content = _bytes(path)
    if packed := next((name for begin, name in _PACKED if content.startswith(begin)), None):
        raise DataError(f"{path}: holds {packed}, no text: unpack it, or give it the ending that it had")
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
                header = [cell.strip() for cell in _filled(cells)]
                if twice := [name for name in header if name and header.count(name) > 1]:
                    raise DataError(f"{path}:{first}: column {twice[0]!r} stands twice")
                continue
            if len(_filled(cells)) > len(header):
                raise DataError(f"{path}:{first}: more cells than the header names")
            for name, cell in list(zip(header, cells, strict=False))[1:]:
                if not name and cell.strip():
                    raise DataError(f"{path}:{first}: {shown(cell)} stands in a column without a name")
            # Rows may be shorter: what is missing is empty.
            yield f"{path}:{first}", dict(zip(header, cells, strict=False))
    except csv.Error as error:
        raise DataError(f"{path}:{last + 1}: not CSV ({error})") from None


def _filled(cells: list[str]) -> list[str]:
    """A row without the empty cells that spreadsheets leave at its end."""
    last = max((n for n, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    return cells[:last]


def _parquet(path: Path) -> Rows:
    arrow = need("pyarrow.parquet", "pyarrow")
    try:
        rows: list[Mapping[str, Any]] = arrow.read_table(path).to_pylist(maps_as_pydicts="strict")
    except Exception as error:  # noqa: BLE001 - pyarrow raises what its C++ code raises
        reason = str(error).partition("\n")[0][:120]
        raise DataError(f"{path}: damaged, or not parquet ({reason})") from None
    for number, row in enumerate(rows, start=1):
        yield f"{path}: row {number}", dict(row)
