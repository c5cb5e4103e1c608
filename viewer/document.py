"""A run as a document of plain JSON values: what the page shows, and what `--json FILE` writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from peerleap import __version__
from peerleap.graph import TaskName
from peerleap.graph.answers import detect_task
from peerleap.graph.history import path_usage, probes_of, total_usage
from peerleap.viewer.held import HeldAnswers, replay
from peerleap.viewer.segments import segment_rows
from peerleap.viewer.spread import Answers, change_row, effect, spread

VERSION = 1
"""Version of the document: fields may be added within it; one is removed, or changes its meaning, with the next."""


def run_document(run: Mapping[str, Any], *, others: Sequence[Mapping[str, Any]] = (), **about: Any) -> dict[str, Any]:
    """The document of a run.

    Args:
        run: as `read_run` returns it, or the output of `ask`; it may not be over.
        others: runs to put beside it: `relation` (`original` or `fork`), `block` (the one at which they part, from
            1) and `run`, as `run_rows` returns it.
        about: `name`, `models` and `gold`, as for `run_rows`.

    Returns:
        Plain JSON values.
    """
    rows = run_rows(run, **about)
    return {"v": VERSION, "kind": "run", "generator": f"peerleap {__version__}", "run": rows, "others": list(others)}


def run_rows(
    run: Mapping[str, Any], *, name: str | None = None, models: Mapping[str, str] | None = None, gold: str | None = None
) -> dict[str, Any]:
    """A run as plain data; answers are numbered, and `columns` are the LeaP blocks and the end.

    Args:
        run: as `read_run` returns it, or the output of `ask`; it may not be over.
        name: what it is stored under.
        models: the model of each path.
        gold: the right answer, where it is known.

    Returns:
        The run, with `answers` (see `spread`), `paths` (each with its answer's number in every column, and its
        segments), `blocks` (summaries, routes, similarity, novelty, what reading did) and `changes`.
    """
    settings, outcomes = run.get("settings") or {}, run.get("paths") or {}
    task: TaskName = run.get("task") or settings.get("task") or detect_task(run["question"])
    held = replay(run, task)
    answers = Answers(held)
    columns = [{path: answers.number(block.held.get(path)) for path in run["histories"]} for block in held.blocks]
    columns.append({path: answers.number(held.answers.get(path)) for path in run["histories"]})
    right = None if gold is None else answers.number(gold)
    usages = {
        name: path_usage(history, probes_of(run["rounds"], name))
        for name, history in run["histories"].items()
        if _has_ids(history)
    }
    status = {**(run.get("status") or {}), **{path: outcome["status"] for path, outcome in outcomes.items()}}
    return {
        "name": name,
        "question": run["question"],
        "task": task,
        "settings": settings,
        "models": dict(models or {}),
        "state": run.get("state", "ended"),
        "next": list(run.get("next", ())),
        "answer": answers.number(run.get("answer")),
        "gold": right,
        "votes": [
            {"answer": answers.number(vote["answer"]), "votes": vote["votes"]} for vote in run.get("votes") or ()
        ],
        "usage": run.get("usage") or total_usage(usages),
        "answers": spread(answers, columns, held),
        "paths": [
            {
                "name": path,
                "peer": outcomes.get(path, {}).get("peer"),
                "status": status.get(path, "active"),
                "error": outcomes.get(path, {}).get("error"),
                "held": [column[path] for column in columns],
                "usage": outcomes.get(path, {}).get("usage") or usages.get(path),
                "segments": segment_rows(history),
            }
            for path, history in run["histories"].items()
        ],
        "blocks": [_block(record, n, held, columns, answers) for n, record in enumerate(run["rounds"])],
        "changes": [
            {**change_row(change), "before": answers.number(change.before), "after": answers.number(change.after)}
            for change in held.changes
        ],
    }


def _block(
    record: Mapping[str, Any],
    number: int,
    held: HeldAnswers,
    columns: Sequence[Mapping[str, int | None]],
    answers: Answers,
) -> dict[str, Any]:
    """A LeaP block; `effects` says by reader what it did."""
    closed, later = held.blocks[number], columns[number + 1]
    return {
        "number": record["round"] + 1,
        "summaries": {path: dict(summary) for path, summary in record["summaries"].items()},
        "paths": list(record["paths"]),
        "similarity": [[round(value, 3) for value in row] for row in record["similarity"]],
        "novelty": novelty(record["similarity"]),
        "routes": {path: list(read) for path, read in record["routes"].items()},
        "effects": {path: effect(path, closed, later.get(path), answers) for path in record["routes"]},
        "probes": {path: answers.number(probe["answer"]) for path, probe in record.get("probes", {}).items()},
        "share": record.get("share"),
        "stop": record.get("stop"),
        "edited": list(record.get("edited", ())),
        "hint": record.get("hint"),
    }


def novelty(similarity: Sequence[Sequence[float]]) -> float | None:
    """How different a block's summaries are: 1 minus the mean similarity of every two; `None` for fewer than two."""
    count = len(similarity)
    if count < 2:
        return None
    total = sum(sum(row) for row in similarity) - sum(row[n] for n, row in enumerate(similarity))
    return round(1 - total / (count * (count - 1)), 4)


def _has_ids(history: Sequence[Mapping[str, Any]]) -> bool:
    return all("token_ids" in segment for segment in history)
