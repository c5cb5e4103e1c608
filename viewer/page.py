"""A document as one HTML file that opens from the disk: no network, and every text of the run is data, never markup.

What is needed at once is JSON; what a path wrote is compressed, path by path, and read when somebody looks at it.
"""

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any

from peerleap.viewer.pieces import pieces, spells

# In the order in which they are read; one script.
_SCRIPTS = (
    "base.js", "run.js", "matrix.js", "answers.js", "lanes.js", "arrows.js", "blocks.js", "dialog.js", "text.js",
    "costs.js", "keys.js", "questions.js", "main.js",
)  # fmt: skip
# What is read when somebody looks at it.
_LATER = ("text", "token_ids", "confidences")
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'"
)
# Behind the backslash, as JSON escapes them; all else outside of ASCII is escaped by `json.dumps`.
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def html_page(document: Mapping[str, Any], tokenizers: Mapping[str, Any] | None = None) -> str:
    """The HTML file of a document.

    Args:
        document: as `document` or `questions_document` returns it.
        tokenizers: by model, as the document's runs name them: they show ids as pieces of text.

    Returns:
        The file's text; all that comes from the document is ASCII in it.
    """
    style, script = _read("style.css"), f"(() => {{\n'use strict';\n{''.join(map(_read, _SCRIPTS))}}})();"
    head, blobs = _packed(document, tokenizers or {})
    policy = _POLICY.format(script=_hash(script), style=_hash(style))
    data = "".join(
        f'<script type="application/octet-stream" id="{name}">{blob}</script>\n' for name, blob in blobs.items()
    )
    parts = {"POLICY": policy, "STYLE": style, "HEAD": _json(head), "DATA": data, "SCRIPT": script}
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda mark: parts[mark[1]], _read("page.html"))


def _packed(document: Mapping[str, Any], tokenizers: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page needs at once, and the rest by the name of its element."""
    blobs: dict[str, str] = {}
    if document["kind"] == "questions":
        rows = []
        for number, row in enumerate(document["rows"]):
            if row.get("runs"):
                blobs[f"q{number}"] = _blob(row["runs"])
            rows.append({**row, "runs": len(row.get("runs") or ())})
        return {**document, "rows": rows}, blobs
    tables = _tables(document, tokenizers)
    for model, table in tables.items():
        blobs[f"p{len(blobs)}"] = _blob({"model": model, "pieces": _spelt(table)})
    runs = []
    for number, run in enumerate(_runs(document)):
        for at, path in enumerate(run["paths"]):
            table = tables.get(run["models"].get(path["name"], ""), {})
            blobs[f"r{number}-{at}"] = _blob([_later(segment, table) for segment in path["segments"]])
        runs.append(_head(run))
    others = [{**other, "run": run} for other, run in zip(document["others"], runs[1:], strict=True)]
    return {**document, "run": runs[0], "others": others, "tables": [*tables]}, blobs


def _runs(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield document["run"]
    for other in document["others"]:
        yield other["run"]


def _head(run: Mapping[str, Any]) -> dict[str, Any]:
    paths = [
        {**path, "segments": [{k: v for k, v in s.items() if k not in _LATER} for s in path["segments"]]}
        for path in run["paths"]
    ]
    return {**run, "paths": paths}


def _later(segment: Mapping[str, Any], table: Mapping[int, bytes]) -> dict[str, Any]:
    row = {key: segment[key] for key in _LATER if segment.get(key) is not None}
    # The pieces say it already: most of a file is text and ids.
    if row.get("token_ids") and spells(table, row["token_ids"], row.get("text")):
        del row["text"]
    return row


def _tables(document: Mapping[str, Any], tokenizers: Mapping[str, Any]) -> dict[str, dict[int, bytes]]:
    used: dict[str, set[int]] = {}
    for run in _runs(document):
        for path in run["paths"]:
            model = run["models"].get(path["name"])
            if model in tokenizers:
                used.setdefault(model, set()).update(_ids(path["segments"]))
    return {model: pieces(tokenizers[model], ids) for model, ids in used.items() if ids}


def _ids(segments: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    for segment in segments:
        yield from segment.get("token_ids", ())


def _spelt(table: Mapping[int, bytes]) -> list[list[Any]]:
    """Pairs of an id and its text, or its bytes where they are no text of their own."""
    rows: list[list[Any]] = []
    for token, piece in table.items():
        try:
            rows.append([token, piece.decode()])
        except UnicodeDecodeError:
            rows.append([token, list(piece)])
    return rows


def _blob(value: Any) -> str:
    return b64encode(gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 6, mtime=0)).decode()


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).translate(_ESCAPED)


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("peerleap.viewer").joinpath("page", name).read_text(encoding="utf-8")
