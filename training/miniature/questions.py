"""Fresh questions of the miniature's families, as rows for `peerleap eval`."""

import json
from pathlib import Path
from random import Random
from typing import Any

from peerleap.training.miniature import chain_sums, puzzles

FAMILIES = ("chain", "countdown")


def questions(family: str, count: int, seed: int, terms: tuple[int, int] = (8, 14)) -> list[dict[str, Any]]:
    """Questions with their gold answers; never those of training, which draws from other seeds.

    Args:
        family: `chain` or `countdown`.
        count: How many.
        seed: The same seed gives the same questions.
        terms: Fewest and most terms of a chain sum.

    Returns:
        Rows with `id`, `question`, `answer` and `kind`.
    """
    random = Random(f"questions:{family}:{seed}")  # noqa: S311 - reproducible on purpose
    rows = []
    for i in range(count):
        if family == "chain":
            total = chain_sums.draw(random, random.randint(*terms))
            row = {"question": chain_sums.ask(total, random), "answer": str(total.answer), "kind": "integer"}
        else:
            puzzle, gold = puzzles.solved(random, random.choice((3, 4)))
            row = {"question": puzzles.ask(puzzle, random), "answer": gold, "kind": "expression"}
        rows.append({"id": f"{family}-{seed}-{i}", **row})
    return rows


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as JSON lines, beside the file and then in its place."""
    beside = path.with_name(f".{path.name}")
    beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
    beside.replace(path)


def chain_questions(path: Path, count: int, seed: int, terms: tuple[int, int] = (8, 14)) -> None:
    """Write fresh chain sums as a file that `peerleap eval` and `peerleap train` take.

    Args:
        path: A `.jsonl` file.
        count: How many.
        seed: The same seed gives the same questions.
        terms: Fewest and most terms.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write(questions("chain", count, seed, terms), path)
