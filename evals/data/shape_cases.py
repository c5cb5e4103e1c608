"""`docs/data.md`, rendered from the shapes that the tests read: `python -m peerleap.evals.data.shape_cases`."""

import json
import sys
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

_WIDEST = 110
_INTRO = """\
# Data sets

`peerleap eval TASK` and `peerleap.evals.load` take a named task (`aime2024`, ...), a generated one
(`gym:chain_sum`), or a file: `.jsonl`, `.json`, `.csv` or `.tsv` (also with `.gz`), or `.parquet`. A named task is read
from the folder `PEERLEAP_DATA` first, where its file may have the hub's columns, and else fetched from the Hugging Face
hub.

A row has `id`, `question` and `answer`, and optionally `kind` (`integer`, `math`, `choice`, `text`), `choices`,
`source` and `meta`; the names that published data sets use are known. Where no row has an id, the row's place is its
id. Every column is used, or named in a warning as not used, or refused; two that could both hold the question, or both
the answer, must agree. A file with one bad row is refused as a whole, and so is an eval with a gold answer that would
not be graded right itself.

The {count} files below are `evals/data/shape_cases.jsonl`; a test reads every one of them. This page is written by
`python -m peerleap.evals.data.shape_cases > docs/data.md`.
"""


@dataclass(frozen=True, slots=True)
class ShapeCase:
    """A file as people have it, and what its first row becomes, or why the file is refused."""

    group: str
    name: str
    text: str
    encoding: str
    answer: str | None
    kind: str | None
    choices: list[str] | None
    question: str | None
    id: str | None
    """`None`: not checked."""
    says: str
    """A part of the message that refuses the file; empty where it is read."""
    note: str


def shape_cases() -> list[ShapeCase]:
    """The files that the reader is held to (`shape_cases.jsonl`, installed with the package)."""
    lines = files("peerleap.evals.data").joinpath("shape_cases.jsonl").read_text(encoding="utf-8").split("\n")
    return [ShapeCase(**json.loads(line)) for line in lines if line]


def page() -> str:
    """The whole page."""
    cases = shape_cases()
    parts = [_INTRO.format(count=len(cases))]
    for group, members in groupby(cases, key=lambda case: case.group):
        parts.append(f"## {group}\n\n| file | content | is read as |\n|---|---|---|")
        parts.append("\n".join(_row(case) for case in members) + "\n")
    return "\n".join(parts)


def _row(case: ShapeCase) -> str:
    content = json.dumps(case.text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    content = content if len(content) <= _WIDEST else f"{content[:_WIDEST]}..."
    options = f", options {', '.join(case.choices)}" if case.choices else ""
    result = f"refused: {case.says}" if case.says else f"{case.kind} `{case.answer}`{options}"
    encoding = "" if case.encoding == "utf-8" else f" ({case.encoding})"
    note = f"; {case.note}" if case.note else ""
    cells = (f"`{case.name}`{encoding}", f"`{content}`", f"{result}{note}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
