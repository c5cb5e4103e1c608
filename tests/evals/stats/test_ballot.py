"""Paths that write the same answer otherwise vote together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from peerleap.evals import Grader, Header, PathRecord, Records, Verdict
from peerleap.evals.report.results import Results
from peerleap.evals.report.votes import RECORD_METRICS
from peerleap.evals.stats import Tokens, ballot


async def graded(grader: Grader, answers: Sequence[str], gold: str, kind: str = "math") -> list[PathRecord]:
    """One path for each answer, right ones the shortest."""
    verdicts = [await grader.acheck(f"\\boxed{{{answer}}}", gold, kind) for answer in answers]
    return [
        PathRecord("q", 0, "independent", f"solver_{n}", len(answers), "finished", verdict, Tokens(own=100),
                   meta={"counted": True, "gold": gold, "kind": kind, "confidence": 0.5})
        for n, verdict in enumerate(verdicts)
    ]  # fmt: skip


WON = [
    (r"\frac{1}{2}", [r"\frac{1}{2}", "0.5", r"\dfrac12", "7", "7"]),
    ("(1, 2)", ["(1, 2)", "(1,2)", r"\left(1,2\right)", "(2,1)", "(2,1)"]),
    ("4", [r"\frac{8}{2}", "4", "2+2", "5", "5"]),
]
LOST = [
    ("7", [r"\frac{1}{2}", "0.5", r"\dfrac12", "7", "7"]),
    ("(2,1)", ["(1, 2)", "(1,2)", r"\left(1,2\right)", "(2,1)", "(2,1)"]),
]


@pytest.mark.parametrize("vote", ["cons@n", "shortest@n", "conf@n"])
@pytest.mark.parametrize(("gold", "answers"), WON)
async def test_right_paths_vote_together_however_they_write_it(
    grader: Grader, gold: str, answers: list[str], vote: str
) -> None:
    assert RECORD_METRICS[vote](await graded(grader, answers, gold)) == 1.0


@pytest.mark.parametrize(("gold", "answers"), LOST)
async def test_wrong_paths_vote_together_too(grader: Grader, gold: str, answers: list[str]) -> None:
    assert RECORD_METRICS["cons@n"](await graded(grader, answers, gold)) == 0.0


async def test_a_file_that_is_there_is_right_on_reading(grader: Grader, tmp_path: Path) -> None:
    config: dict[str, Any] = {"method": "independent", "questions": 1}
    with Records.open(tmp_path / "r.jsonl", Header(config)) as records:
        records.append(await graded(grader, WON[0][1], WON[0][0]))
    assert Results.read(tmp_path / "r.jsonl").by_question("cons@n") == {"q": 1.0}


def test_a_wrong_answer_that_reads_like_the_gold_one_is_not_in_its_class() -> None:
    def path(*, right: bool) -> PathRecord:
        return PathRecord("q", 0, "m", "p", 3, "finished", Verdict(right, "4", "math-verify"))

    assert RECORD_METRICS["cons@n"]([path(right=True), path(right=False), path(right=False)]) == 0.0


def test_the_form_depends_on_the_kind() -> None:
    def form(answer: str | None, kind: str) -> str | None:
        return ballot(Verdict(correct=False, extracted=answer, how=""), kind)

    assert form("C", "choice") == form("C", "choice") == "C"
    assert form("north west", "text") == "north west"
    assert form(r"\tfrac{2}{4}", "math") == form("0.50", "integer")
    assert form(None, "math") is None
