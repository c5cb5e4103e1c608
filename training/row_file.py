"""The file of training rows: a header line that says where they come from, then one JSON object a row."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peerleap.training.rows import Row, Span

SCHEMA = 1
_KEY = "peerleap_rows"


class RowsError(ValueError):
    """A file of rows, or of the traces that they are made from, cannot be used."""


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """The first line."""

    model: str
    """Name of the model that wrote the rows, or whose tokenizer a program wrote them with."""
    vocabulary: str
    """Hash of that model's vocabulary: the ids mean other texts to a model of another one."""
    made_from: Mapping[str, Any] = field(default_factory=dict)
    """How the rows were made: the traces and the rules of the selection."""


def write_rows(path: str | Path, header: RowsHeader, rows: Iterable[Row]) -> None:
    """Write a file of rows as a whole: it is there complete, or not at all.

    Raises:
        RowsError: there is no such folder, or it cannot be written.
    """
    target = Path(path)
    new = target.with_name(f"{target.name}.new")
    first = {_KEY: SCHEMA, "model": header.model, "vocabulary": header.vocabulary, "made_from": header.made_from}
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(json.dumps(first, ensure_ascii=True) + "\n")
            file.writelines(json.dumps(_as_json(row), ensure_ascii=True) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except OSError as error:
        raise RowsError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def read_rows(path: str | Path) -> tuple[RowsHeader, list[Row]]:
    """Header and rows of a file.

    Raises:
        RowsError: names the file, the line and what is wrong with it.
    """
    header: RowsHeader | None = None
    rows: list[Row] = []
    try:
        if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for, and a device has no end
            raise RowsError(f"{str(path)!r} is a folder, a device or a pipe: name a file of rows")
        with Path(path).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if header is None:
                    header = _header(path, line)
                else:
                    rows.append(_row(f"{path}:{number}", line))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RowsError(f"{str(path)!r} cannot be read: {why}") from error
    if header is None or not rows:
        raise RowsError(f"{str(path)!r} holds no rows; make them with `peerleap train select`")
    return header, rows


def _header(path: str | Path, line: str) -> RowsHeader:
    try:
        first = json.loads(line)
        if first[_KEY] != SCHEMA:
            raise RowsError(f"{str(path)!r}: rows of schema {first[_KEY]!r}, but this version reads {SCHEMA}")
        return RowsHeader(str(first["model"]), str(first["vocabulary"]), dict(first["made_from"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, RowsError):
            raise
        hint = "; make rows from it with `peerleap train select`" if "peerleap_records" in line else ""
        raise RowsError(f"{str(path)!r} is not a file of rows{hint}") from error


def _row(where: str, line: str) -> Row:
    try:
        fields = json.loads(line)
        spans = tuple(Span(str(kind), int(tokens), bool(trained)) for kind, tokens, trained in fields["spans"])
        row = Row(
            str(fields["question"]),
            int(fields["run"]),
            str(fields["path"]),
            [int(token) for token in fields["input_ids"]],
            spans,
            fields.get("meta", {}),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RowsError(f"{where}: damaged, or not a row ({type(error).__name__}: {error})") from error
    length = sum(span.tokens for span in row.spans)
    if length != len(row.input_ids):
        raise RowsError(f"{where}: the spans cover {length} tokens, but there are {len(row.input_ids)} input_ids")
    return row


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "question": row.question,
        "run": row.run,
        "path": row.path,
        "input_ids": row.input_ids,
        "spans": [[span.kind, span.tokens, span.trained] for span in row.spans],
        "meta": dict(row.meta),
    }
