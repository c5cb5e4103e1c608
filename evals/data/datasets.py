"""Named data sets: from the folder `PEERLEAP_DATA` first, else from the Hugging Face hub; or any local file."""

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from peerleap.evals.data.files import read_problems
from peerleap.evals.data.gym import gym_problems
from peerleap.evals.data.hub import HubRows, aime_row, gpqa_row, gsm8k_row, hub_problems
from peerleap.evals.data.problems import DataError, Problem, shuffled
from peerleap.evals.data.tables import ENDINGS, ending

DATA_FOLDER = "PEERLEAP_DATA"
SHUFFLE_SEED = 42


@dataclass(frozen=True)
class Task:
    """A named data set: the kind of its answers, where the hub keeps it, what is done to its rows."""

    kind: str
    hub: HubRows | None
    shuffle: bool = False
    note: str = ""


TASKS: dict[str, Task] = {
    "aime2024": Task("integer", HubRows("HuggingFaceH4/aime_2024", "train", aime_row)),
    "aime2025": Task("integer", HubRows("MathArena/aime_2025", "train", aime_row)),
    "aime2026": Task("integer", HubRows("MathArena/aime_2026", "train", aime_row)),
    # Its golds are remainders, which not every question states; the competition stated it once for all of them.
    "aimo2025": Task("integer", None, note="Give the answer modulo 1000."),
    # The raw rows have the right option first, always.
    "gpqa_diamond": Task("choice", HubRows("Idavidrein/gpqa", "train", gpqa_row, config="gpqa_diamond"), shuffle=True),
    "gsm8k": Task("integer", HubRows("openai/gsm8k", "test", gsm8k_row, config="main")),
    "hmmt_feb_2025": Task("math", HubRows("MathArena/hmmt_feb_2025", "train", aime_row)),
    "math500": Task("math", HubRows("HuggingFaceH4/MATH-500", "test", aime_row)),
}


def load(name: str, *, limit: int | None = None, seed: int | None = None) -> list[Problem]:
    """Load a data set.

    Args:
        name: A task (`aime2024`), several joined by `+`, a reasoning-gym task (`gym:chain_sum`), or a file.
        limit: Keep the first ones; of generated questions, how many (100).
        seed: Of the options' order (42 where the task shuffles; files keep theirs without a seed), and of generated
            questions (0).

    Returns:
        The problems.

    Raises:
        DataError: No such data set, or it cannot be used; the message says what to do.
        MissingExtra: A package is not installed; the message is the command that installs it.
    """
    if limit is not None and limit < 1:
        raise DataError(f"limit={limit!r}: at least 1 is needed")
    if seed is not None and type(seed) is not int:
        raise DataError(f"seed={seed!r}: give a whole number")
    if "+" in name and all(part in TASKS for part in name.split("+")):
        return _joined(name.split("+"), seed)[:limit]
    if name.startswith("gym:"):
        return gym_problems(name.removeprefix("gym:"), size=limit or 100, seed=seed or 0)
    if name in TASKS:
        problems = _task(name, TASKS[name], SHUFFLE_SEED if seed is None else seed)
    elif ending(Path(name)):
        problems = read_problems(name)
        problems = problems if seed is None else [shuffled(problem, seed) for problem in problems]
        _check_letters(name, problems)
    else:
        raise DataError(
            f"{name!r} is not a data set: name one of {', '.join(TASKS)}, gym:<task>, or a .jsonl, .json, .csv, .tsv "
            "or .parquet file"
        )
    return problems[:limit]


def _joined(names: list[str], seed: int | None) -> list[Problem]:
    """Several tasks as one, such as the paper's 70 questions of three competitions; ids get the task's name."""
    return [
        replace(problem, id=problem.id if problem.id.startswith(f"{name}-") else f"{name}-{problem.id}")
        for name in names
        for problem in load(name, seed=seed)
    ]


def _task(name: str, task: Task, seed: int) -> list[Problem]:
    folder = os.environ.get(DATA_FOLDER)
    if folder and not Path(folder).is_dir():
        raise DataError(f"{DATA_FOLDER}={folder!r}: there is no such folder")
    local = _local(Path(folder), name) if folder else None
    if local is not None:
        problems = read_problems(local, task.kind)
    elif task.hub is not None:
        problems = hub_problems(name, task.hub, task.kind)
    else:
        raise DataError(
            f"{name!r} is not on the hub: put its rows into {name}.jsonl and set {DATA_FOLDER} to that folder"
        )
    if task.shuffle:
        problems = [shuffled(problem, seed) for problem in problems]
    return [_noted(problem, task.note) for problem in problems]


def _local(folder: Path, name: str) -> Path | None:
    endings = [*ENDINGS, *(f"{end}.gz" for end in ENDINGS if end != ".parquet")]
    return next((file for end in endings if (file := folder / f"{name}{end}").is_file()), None)


def _noted(problem: Problem, note: str) -> Problem:
    if not note or note in problem.question:
        return problem
    return replace(problem, question=f"{problem.question}\n{note}", meta={**problem.meta, "note": note})


def _check_letters(name: str, problems: list[Problem]) -> None:
    letters = Counter(problem.answer for problem in problems if problem.kind == "choice")
    if len(letters) == 1 and letters.total() >= 8:
        letter = next(iter(letters))
        raise DataError(
            f"{name}: the right option is {letter!r} in all {letters.total()} rows; shuffle "
            f"the options with --data-seed {SHUFFLE_SEED} (in Python seed={SHUFFLE_SEED}, with inspect -T "
            f"data_seed={SHUFFLE_SEED})"
        )
