"""The table of answers that the graders are held to, right and wrong, as `docs/grading.md` shows it."""

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class GraderCase:
    """One answer form: what a path wrote, the gold answer, whether it is right, and why where that surprises."""

    group: str
    text: str
    gold: str
    kind: str
    correct: bool
    note: str


def grader_cases() -> list[GraderCase]:
    """The hand-made cases that the graders are held to (`grader_cases.jsonl`, installed with the package)."""
    lines = files("peerleap.evals.grading").joinpath("grader_cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [GraderCase(**json.loads(line)) for line in lines]
