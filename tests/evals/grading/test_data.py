"""The graders against whole data sets, where a folder holds them: `PEERLEAP_DATA=... pytest tests/evals`."""

import asyncio
import os
from pathlib import Path

import pytest

from peerleap.evals import Grader, Problem, load

FOLDER = os.environ.get("PEERLEAP_DATA")
TASKS = ["aime2024", "aime2025", "aimo2025", "gsm8k", "math500"]


def _problems(task: str) -> list[Problem]:
    if FOLDER is None:
        pytest.skip("PEERLEAP_DATA is not set")
    for name in (f"{task}.jsonl", f"{task}_test.jsonl"):
        if (Path(FOLDER) / name).is_file():
            return load(str(Path(FOLDER) / name))
    pytest.skip(f"no {task} in PEERLEAP_DATA")


async def _score(grader: Grader, problems: list[Problem], answers: list[str]) -> list[bool]:
    checks = (
        grader.acheck(f"So it is \\boxed{{{answer}}}.", problem.answer, problem.kind)
        for problem, answer in zip(problems, answers, strict=True)
    )
    return [verdict.correct for verdict in await asyncio.gather(*checks)]


@pytest.mark.parametrize("task", TASKS)
async def test_gold_answers_score_one(task: str, grader: Grader) -> None:
    problems = _problems(task)
    assert all(await _score(grader, problems, [problem.answer for problem in problems]))


@pytest.mark.parametrize("task", TASKS)
async def test_the_next_rows_answer_scores_zero(task: str, grader: Grader) -> None:
    problems = _problems(task)
    golds = [problem.answer for problem in problems]
    pairs = list(zip(problems, golds[1:] + golds[:1], strict=True))
    # `5` and `x=5` answer each other, and neighbours may share an answer.
    pairs = [(p, a) for p, a in pairs if a.rpartition("=")[2].strip() != p.answer.rpartition("=")[2].strip()]
    assert len(pairs) > 0.8 * len(problems)
    scores = await _score(grader, [problem for problem, _ in pairs], [answer for _, answer in pairs])
    assert [pair for pair, right in zip(pairs, scores, strict=True) if right] == []


@pytest.mark.parametrize("task", TASKS)
async def test_off_by_one_scores_zero(task: str, grader: Grader) -> None:
    problems = [problem for problem in _problems(task) if problem.kind == "integer"]
    answers = [str(int(problem.answer.replace(",", "")) + 1) for problem in problems if problem.answer.isdecimal()]
    problems = [problem for problem in problems if problem.answer.isdecimal()]
    assert not any(await _score(grader, problems, answers))
