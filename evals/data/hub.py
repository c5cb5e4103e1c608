"""Rows of data sets on the Hugging Face hub, through the optional package `datasets`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from peerleap.evals.data.files import problem_from
from peerleap.evals.data.problems import DataError, Problem
from peerleap.evals.extras import MissingExtra, installed, need

# With the imports before it, a command that finds no network says so within 5 seconds.
REACH_SECONDS = 2.0
Row = Mapping[str, Any]


@dataclass(frozen=True)
class HubRows:
    """Where a data set is on the hub, and the function that makes our fields of one of its rows."""

    repo: str
    split: str
    fields: Callable[[Row, int], dict[str, Any]]
    config: str | None = None


def aime_row(row: Row, index: int) -> dict[str, Any]:
    """Fields of AIME, HMMT and MATH-500, which have the same three columns under various names.

    An example: `{"id": 60, "problem": "What is 20 + 5?", "solution": "...", "answer": "025", "url": "...",
    "year": "2024"}`, or `{"problem": "What is 1+1?", "answer": "2", "unique_id": "test/algebra/1.json"}`.
    """
    return {
        "id": str(_first(row, "unique_id", "id", "ID", "problem_idx", default=index)),
        "question": _first(row, "problem", "Problem", "question"),
        "answer": str(_first(row, "answer", "Answer")),
    }


def gsm8k_row(row: Row, index: int) -> dict[str, Any]:
    r"""Fields of GSM8K: the gold answer is what follows `####` in the worked solution.

    An example: `{"question": "Mia has 3 eggs ...", "answer": "She has 3+4=<<3+4=7>>7 eggs.\n#### 7"}`.
    """
    return {"id": f"{index:04d}", "question": row["question"], "answer": row["answer"].rpartition("####")[2].strip()}


def gpqa_row(row: Row, index: int) -> dict[str, Any]:
    """Fields of GPQA: the right option comes first here, so the rows must be shuffled.

    An example, not a question of the set: `{"Record ID": "rec1", "Question": "Which number is even?",
    "Correct Answer": "two", "Incorrect Answer 1": "one", "Incorrect Answer 2": "three", "Incorrect Answer 3": "five"}`.
    """
    names = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
    return {
        "id": str(_first(row, "Record ID", default=index)),
        "question": row["Question"].strip(),
        "answer": "A",
        "choices": [row[name].strip() for name in names],
        "meta": {"domain": _first(row, "High-level domain", default="")},
    }


def hub_problems(name: str, rows: HubRows, kind: str) -> list[Problem]:
    """Fetch every problem of a hub data set.

    Args:
        name: The task, which begins each problem's id.
        rows: Where the data set is, and how its rows are read.
        kind: The kind of its answers.

    Returns:
        The problems, in the hub's order.

    Raises:
        DataError: The hub cannot be reached, at once, unless `HF_HUB_OFFLINE=1` and it is cached; or a bad row.
        MissingExtra: The package `datasets` is not installed.
    """
    if not installed("datasets"):
        package = "datasets"
        raise MissingExtra(package)
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    revision = None if offline else _revision(name, rows)
    try:
        table = need("datasets").load_dataset(rows.repo, rows.config, split=rows.split, revision=revision)
    except Exception as error:
        raise DataError(_advice(name, rows, _reason(error))) from error
    source = f"{rows.repo}@{revision[:8] if revision else 'cache'}"
    problems: list[Problem] = []
    for index, row in enumerate(table):
        try:
            fields = rows.fields(row, index)
            problems.append(problem_from({**fields, "id": f"{name}-{fields['id']}"}, kind, source))
        except (DataError, KeyError) as error:
            raise DataError(f"{source} row {index}: {error}") from None
    return problems


def _revision(name: str, rows: HubRows) -> str:
    """The data set's current commit; fetched first, once: `datasets` retries for 25 seconds without a network."""
    answer: list[str | Exception] = []
    # Imported here, since the seconds are the network's.
    client = need("huggingface_hub", "huggingface-hub").HfApi()

    def ask() -> None:
        try:
            info = client.dataset_info(rows.repo, timeout=REACH_SECONDS)
            answer.append(str(info.sha))
        except Exception as error:  # noqa: BLE001 - reported by the thread that waits
            answer.append(error)

    # A thread, because looking up a host name has no time limit of its own.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    if not answer:
        raise DataError(_advice(name, rows, f"no reply in {REACH_SECONDS:g} seconds"))
    if isinstance(answer[0], Exception):
        raise DataError(_advice(name, rows, _reason(answer[0]))) from answer[0]
    return answer[0]


def _reason(error: Exception) -> str:
    if "gated" in f"{type(error).__name__} {error}".lower():
        return "it is gated: accept its terms on its page and run `hf auth login`"
    return type(error).__name__


def _advice(name: str, rows: HubRows, reason: str) -> str:
    needed = "id, question, answer, choices" if rows.fields is gpqa_row else "id, question, answer"
    return (
        f"cannot load {name!r} from {rows.repo!r} ({reason}). Without the hub: put the rows into {name}.jsonl "
        f"({needed}) and set PEERLEAP_DATA to its folder, or name a .jsonl or .csv "
        f"file; HF_HUB_OFFLINE=1 uses the cache."
    )


def _first(row: Row, *names: str, default: object = None) -> Any:
    for name in names:
        if row.get(name) is not None:
            return row[name]
    if default is None:
        raise KeyError(names[0])
    return default
