r"""Options of a multiple-choice question, from the ways people write them.

An example: `find_options("What is 2+2? (A) 3 (B) 4")` is `("What is 2+2?", ("3", "4"))`.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from peerleap.evals.data.json_rows import parse_json
from peerleap.evals.data.problems import LETTERS, DataError, shown

_LABEL = (
    # \textbf{(A)}\ 3, \text{A. }3, \mathrm{(A) \ }3
    r"\$?\s*\\(?:text|math)(?:bf|rm|it|sf)?\s*\{{\s*[(\[]?\s*(?P<tex>[{letters}])\s*[)\].:]?\s*(?:\\[ ,;:~]?|~)*\s*\}}"
    # A line of its own: `A. 3`, `- (A) 3`, `**A.** 3`, `A: 3`
    r"|^[ \t]*(?:[-*+•]\s+)?(?:\*\*|__|`)?[(（\[]?(?P<line>[{letters}])(?:\*\*|__|`)?[)）\].:：、．](?:\*\*|__|`)?"
    # Between others in one line: `(A) 3 (B) 4`, `A) 3 B) 4`
    r"|(?<![A-Za-z0-9'’\\])[(（]\s?(?P<bracketed>[{letters}])\s?[)）]"
    r"|(?<![A-Za-z0-9(（'’\\])(?P<closed>[{letters}])[)）、]"
)
_UPPER = re.compile(_LABEL.format(letters="A-Z"), re.MULTILINE)
_LOWER = re.compile(_LABEL.format(letters="a-z"), re.MULTILINE)
_HEADING = re.compile(r"\n?[ \t]*(?:(?:answer )?(?:options|choices)|选项)[ \t]*[:：]?[ \t]*$", re.IGNORECASE)
_TAIL = re.compile(r"\n\s*(?:the\s+)?(?:correct\s+)?(?:answer|答案)(?:\s+is)?\s*[:：]?\s*$", re.IGNORECASE)
_SPACE = r"(?:\\[ ,;:!]|\\q?quad(?![a-zA-Z])|\\hspace\{[^}]*\}|\\\\(?![a-zA-Z])|[\s~;])"
_AROUND = re.compile(rf"^{_SPACE}+|{_SPACE}+$")
_MENTION = re.compile(r"(?:and|or|,|和|或)(?:\s|$)|$")
# `1.5`, `1:2` and `1:30` are texts.
_PREFIX = re.compile(
    r"\s*[(（\[]?(?:(?P<letter>[A-Ja-j])[)）\].:：、．]|(?P<number>[1-9])(?:[)）\]、．]|[.:：](?=\s)))\s*(?=\S)"
)
# What numpy writes between two texts of an array, around it, and inside of them.
_PIECE = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<array>array\()|(?P<end>, dtype=object\))|.""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a question, and the labels that its answer may name them by."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    """As the row has them, such as `1`, `2`; empty: letters in their order."""


def find_options(question: str) -> tuple[str, tuple[str, ...]] | None:
    """Find the lettered options inside a question's text, on lines of their own or on one line.

    Args:
        question: The whole text.

    Returns:
        The question without them, and the options' texts in order; `None` where there are not two or more in order.
    """
    for pattern in (_UPPER, _LOWER):
        labels = _last_run(list(pattern.finditer(question)))
        if labels is None:
            continue
        ends = [label.start() for label in labels[1:]] + [len(question)]
        bodies = [question[label.end() : end] for label, end in zip(labels, ends, strict=True)]
        # A paragraph behind the last option is no part of it.
        bodies[-1], gap, rest = _TAIL.sub("", bodies[-1]).partition("\n\n")
        texts = tuple(_cleaned(body) for body in bodies)
        if any(_MENTION.match(text) for text in texts):
            continue
        stem = _HEADING.sub("", question[: labels[0].start()].rstrip()).rstrip()
        if stem.count("$") % 2:
            stem = stem.rstrip("$").rstrip()
        stem = f"{stem}\n\n{rest.strip()}" if gap and rest.strip() else stem
        if stem and len(texts) <= len(LETTERS):
            return stem, texts
    return None


def read_options(value: Any, names: str = "choices") -> Options | None:
    """Read a cell that holds a question's options.

    Args:
        value: A list of texts, `{"A": ...}`, `{"text": [...], "label": [...]}`, `[{"label": ..., "text": ...}]`, or one
            of these as JSON or as Python writes it, or lettered lines in one text.
        names: What the message calls the cell.

    Returns:
        The options; `None` for an empty cell.

    Raises:
        DataError: None of these.
    """
    refused = DataError(f"{names}={shown(value)} is not a list of texts")
    if isinstance(value, str):
        value = _from_text(value, refused)
    if not value:
        return None
    if isinstance(value, Mapping):
        lower = {str(key).lower(): item for key, item in value.items()}
        texts = next((lower[key] for key in ("text", "texts", "choices") if isinstance(lower.get(key), list)), None)
        if texts is not None:
            named: list[list[Any]] = [lower[key] for key in ("label", "labels") if isinstance(lower.get(key), list)]
            labels = named[0] if named else []
            return _made(texts, labels, refused)
        present = {str(key): item for key, item in value.items() if item is not None}
        return _made(list(present.values()), list(present), refused)
    if not isinstance(value, Sequence):
        raise refused
    if all(isinstance(item, Mapping) for item in value):
        return _from_objects(value, refused)
    return _made(value, [], refused)


def _from_text(text: str, refused: DataError) -> Any:
    text = text.strip()
    if text[:1] in "[{(":
        for read in (parse_json, ast.literal_eval):
            try:
                found = read(_as_lists(text))
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(found, list | tuple | dict):
                return found
    if found := find_options(f"?\n{text}"):
        return list(found[1])
    if text[:1] + text[-1:] in {"[]", "{}"}:
        raise refused  # a list or an object in a notation that is not known
    lines = [line.strip() for line in (text.split("\n") if "\n" in text else text.split("|")) if line.strip()]
    if len(lines) > 1:
        return lines
    raise refused


def _as_lists(text: str) -> str:
    """A text in which numpy's arrays, which pandas writes into CSV, are lists: `['a' 'b']` is `['a','b']`."""
    parts: list[str] = []
    for piece in _PIECE.finditer(text):
        behind = next((part for part in reversed(parts) if not part.isspace()), "")
        if piece["text"] and behind[-1:] in {"'", '"'} and len(behind) > 1:
            parts.append(",")
        if not piece["array"] and not piece["end"]:
            parts.append(piece[0])
    return "".join(parts)


def _from_objects(items: Sequence[Mapping[str, Any]], refused: DataError) -> Options:
    texts, labels = [], []
    for item in items:
        text = next((item[key] for key in ("text", "content", "value", "option") if key in item), None)
        label = next((item[key] for key in ("label", "key", "id", "letter") if key in item), None)
        if text is None and len(item) == 1:
            ((label, text),) = item.items()
        texts.append(text)
        labels += [] if label is None else [label]
    return _made(texts, labels, refused)


def _made(texts: Sequence[Any], labels: Sequence[Any], refused: DataError) -> Options:
    texts = list(texts)
    while texts and texts[-1] is None:
        texts.pop()
    if not all(isinstance(text, str | int | float) and not isinstance(text, bool) for text in texts):
        raise refused
    plain = [str(text).strip() for text in texts]
    prefixes = [_PREFIX.match(text) for text in plain]
    letters = "".join((match["letter"] or match["number"]).upper() for match in prefixes if match)
    # `A) 21`, `B) 21.5`: the letters are labels, no text.
    if not labels and len(plain) > 1 and letters in (LETTERS[: len(plain)], "123456789"[: len(plain)]):
        plain = [text[match.end() :].strip() for text, match in zip(plain, prefixes, strict=True) if match]
    return Options(tuple(plain), tuple(str(label).strip() for label in labels[: len(plain)]))


def _last_run(labels: list[re.Match[str]]) -> list[re.Match[str]] | None:
    """The last labels that go A, B, C, ... in order, at least two of them."""
    run: list[re.Match[str]] = []
    best: list[re.Match[str]] | None = None
    for label in labels:
        letter = next(group for group in label.groups() if group).upper()
        if len(run) < len(ascii_uppercase) and letter == ascii_uppercase[len(run)]:
            run.append(label)
        elif letter == "A":
            run = [label]
        if len(run) > 1:
            best = run
    return best


def _cleaned(text: str) -> str:
    while (shorter := _AROUND.sub("", text)) != text:
        text = shorter
    if text.count("$") % 2:
        text = text.strip("$").strip()
        text = _AROUND.sub("", text)
    # Inside one long formula the options had its signs in common.
    return f"${text}$" if "\\" in text and "$" not in text else text
