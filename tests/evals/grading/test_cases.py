import asyncio
from collections import Counter
from pathlib import Path

import pytest

from peerleap.evals import Grader
from peerleap.evals.grading import KINDS, grader_cases
from peerleap.evals.grading.cases_page import render

PAGE = Path(__file__).parents[3] / "docs" / "grading.md"


async def test_every_case_is_graded_as_expected(grader: Grader) -> None:
    cases = grader_cases()
    verdicts = await asyncio.gather(*(grader.acheck(case.text, case.gold, case.kind) for case in cases))
    wrong = [(case, verdict) for case, verdict in zip(cases, verdicts, strict=True) if case.correct != verdict.correct]
    assert wrong == []
    # A None answer is wrong, and a right answer was read from somewhere.
    assert all(not verdict.correct for verdict in verdicts if verdict.extracted is None)


def test_there_are_enough_cases_of_every_kind() -> None:
    cases = grader_cases()
    assert len(cases) >= 1000
    assert len({(case.text, case.gold, case.kind) for case in cases}) == len(cases)
    assert set(Counter(case.kind for case in cases)) == set(KINDS)
    for kind in KINDS:
        assert {case.correct for case in cases if case.kind == kind} == {True, False}


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(grader_cases()), (
        "run: python -m peerleap.evals.grading.cases_page > docs/grading.md"
    )


def test_check_and_acheck_agree(grader: Grader) -> None:
    verdict = grader.check(r"\boxed{\sqrt{41616}}", "204", "integer")
    assert verdict == asyncio.run(grader.acheck(r"\boxed{\sqrt{41616}}", "204", "integer"))
    assert (verdict.correct, verdict.extracted, verdict.how) == (True, r"\sqrt{41616}", "math-verify")


def test_integers_and_letters_need_no_child_process() -> None:
    with Grader() as grader:
        assert grader.check(r"\boxed{016}", "16", "integer").how == "integer"
        assert grader.check("ANSWER: C", "C", "choice").how == "choice"
        assert grader._pool is None


def test_unknown_kinds_and_methods_are_refused() -> None:
    with Grader() as grader, pytest.raises(ValueError, match="kind='maths' is not one of integer, math"):
        grader.check("", "1", "maths")
    with pytest.raises(ValueError, match="method='official'"):
        Grader("official")
