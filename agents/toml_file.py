"""A small TOML file from somebody else: bounded before it is parsed, and checked for values that nothing here takes."""

import math
import re
import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 65_536
MOST_KEY_PARTS = 8
MOST_DEPTH = 8
_LARGEST = 2**63
_LONGEST_SHOWN = 80

# Every alternative matches to its end, so that reading is linear on any text; an unterminated string ends with its line
# or with the file, and the parser refuses it.
_TOKEN = re.compile(
    r"""
    (?P<skip> \#[^\n]* | \"{3} (?: [^\\] | \\. )*? (?: \"{3} | \Z ) | '{3} .*? (?: '{3} | \Z ) )
    | (?P<part> " (?: [^"\\\n] | \\[^\n] )*+ "? | ' [^'\n]*+ '? | [A-Za-z0-9_-]++ )
    | (?P<dot> \. )
    | (?P<blank> [ \t]++ )
    | (?P<other> . )
    """,
    re.DOTALL | re.VERBOSE,
)


class TomlError(ValueError):
    """The file is not usable; the message says why, and where."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of at most 64 KB.

    A parser spends memory on every prefix of a dotted key, so long keys are refused before it sees them.

    Args:
        path: the file; its name ends in `.toml`.

    Returns:
        The document, free of what `check_values` refuses.

    Raises:
        TomlError: the file is too large, is not TOML, or holds what `check_values` refuses.
        OSError: the file cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise TomlError("not a regular file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TomlError(f"over {MOST_BYTES} bytes, which is no description of a team")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TomlError(f"not UTF-8 text (byte {error.start})") from error
    _check_keys(text)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits, too
        raise TomlError(f"not TOML: {error}") from error
    check_values(document)
    return document


def check_values(value: Any, where: str = "", depth: int = 0) -> None:
    """Refuse values that would fail far from here.

    Args:
        value: a parsed document, or a part of it.
        where: the field that holds it, for the message.
        depth: how many tables and lists are around it.

    Raises:
        TomlError: a number beyond 64 bits, `nan`, `inf`, a NUL character, or nesting of more than 8 levels.
    """
    if isinstance(value, dict | list):
        if depth >= MOST_DEPTH:
            raise TomlError(f"{where or 'the file'}: nested more than {MOST_DEPTH} levels deep")
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            inside = f"{where}[{key}]" if isinstance(value, list) else f"{where}.{shown_key(key)}".lstrip(".")
            check_values(key, f"a key of {where or 'the file'}", depth + 1)
            check_values(item, inside, depth + 1)
    elif isinstance(value, str) and "\0" in value:
        raise TomlError(f"{where}: holds a NUL character")
    elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise TomlError(f"{where}: an integer of {value.bit_length()} bits; TOML has 64")
    elif isinstance(value, float) and not math.isfinite(value):
        raise TomlError(f"{where}={value!r}: give a finite number")


def shown_key(key: object) -> str:
    """A key as a message names it: quoted and cut where it is no plain word."""
    text = str(key)
    return text if len(text) <= _LONGEST_SHOWN and re.fullmatch(r"[\w-]+", text) else f"{key!r:.{_LONGEST_SHOWN}}"


def _check_keys(text: str) -> None:
    """Refuse keys of too many parts, in tables, assignments and inline tables alike."""
    parts, joined = 0, False
    for token in _TOKEN.finditer(text + "\n"):
        kind = token.lastgroup
        if kind == "part":
            parts, joined = (parts + 1 if joined else 1), False
            if parts > MOST_KEY_PARTS:
                line = text.count("\n", 0, token.start()) + 1
                raise TomlError(f"line {line}: a key of more than {MOST_KEY_PARTS} parts")
        elif kind == "dot":
            joined = parts > 0
        elif kind != "blank":
            parts, joined = 0, False
