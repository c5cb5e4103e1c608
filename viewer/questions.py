"""An eval's questions as a document: which the method rescued, which it spoiled, against the paired baseline."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerleap import __version__
from peerleap.evals import PathRecord, read_records
from peerleap.evals.report import Results, elected_right, with_distinct_names
from peerleap.viewer.document import VERSION, run_rows
from peerleap.viewer.recorded import recorded_run

_ROOM = 20_000_000
"""Characters of runs, before compression, that a page holds: rescued and spoiled questions first."""
_FIRST = ("spoiled", "rescued", "wrong", "right")

Key = tuple[str, int]


def questions_document(files: Sequence[Path], texts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document of results files of the same questions.

    Args:
        files: one of an eval, or several to compare; the baseline is the first `independent` one, else the first.
        texts: the questions, by id, where they are at hand.

    Returns:
        `files`, `baseline` (its number; `None` for a single file) and `rows`: for each question and run, what every
        file elected, its `outcomes` (rescued, spoiled, right or wrong; of a single file right or wrong), and `runs`,
        as `run_rows` returns them, as long as there is room.

    Raises:
        RecordsError: not a records file, or one without a question.
    """
    results = with_distinct_names([Results.read(file) for file in files])
    paths = [_by_key(file) for file in files]
    methods = [result.config["method"] for result in results]
    baseline = None if len(files) < 2 else methods.index("independent") if "independent" in methods else 0
    keys = [key for key in sorted(paths[0]) if all(key in found for found in paths)]
    rows = [_row(key, [found[key] for found in paths], baseline, (texts or {}).get(key[0])) for key in keys]
    room = _ROOM
    for row in sorted(rows, key=lambda row: min(map(_FIRST.index, filter(None, row["outcomes"])))):
        lines = [found[row["question"], row["run"]] for found in paths]
        runs = [
            _run(of, row, dict(result.config.get("settings", {}))) for of, result in zip(lines, results, strict=True)
        ]
        room -= len(json.dumps(runs))
        if room < 0:
            break
        row["runs"] = runs
    return {
        "v": VERSION,
        "kind": "questions",
        "generator": f"peerleap {__version__}",
        "task": str(results[0].config["task"]),
        "model": str(results[0].config.get("model", "")),
        "files": [
            {"name": result.name, "file": result.file.name, "method": result.config["method"]} for result in results
        ],
        "baseline": baseline,
        "rows": rows,
    }


def _by_key(file: Path) -> dict[Key, list[PathRecord]]:
    found: dict[Key, list[PathRecord]] = {}
    for line in read_records(file)[1]:
        found.setdefault((line.question, line.run), []).append(line)
    return found


def _row(key: Key, files: Sequence[Sequence[PathRecord]], baseline: int | None, text: str | None) -> dict[str, Any]:
    cells = [_cell(lines) for lines in files]
    right = [bool(cell["right"]) for cell in cells]
    outcomes: list[str | None] = []
    for number, mine in enumerate(right):
        if number == baseline:
            outcomes.append(None)
        elif baseline is None or mine == right[baseline]:
            outcomes.append("right" if mine else "wrong")
        else:
            outcomes.append("rescued" if mine else "spoiled")
    return {"question": key[0], "run": key[1], "text": text, "gold": str(files[0][0].meta.get("gold", "")),
            "files": cells, "outcomes": outcomes, "runs": []}  # fmt: skip


def _cell(lines: Sequence[PathRecord]) -> dict[str, Any]:
    """What the paths of one file made of a question."""
    voting = [line for line in lines if line.meta.get("counted", True)]
    run = recorded_run(lines, "", blocks=False)
    return {
        "answer": run["answer"],
        "right": elected_right("cons@n", voting),
        "pass": sum(line.verdict.correct for line in voting) / max(1, len(voting)),
        "paths": len(lines),
        "tokens": sum(line.tokens.generated for line in lines),
        "seconds": lines[0].meta.get("seconds"),
    }


def _run(lines: Sequence[PathRecord], row: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    question = row["text"] or f"{row['question']}, run {row['run']}"
    return run_rows(recorded_run(lines, question, settings), name=row["question"], gold=row["gold"] or None)
