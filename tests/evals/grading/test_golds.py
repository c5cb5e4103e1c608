"""Every gold answer must be right for itself and wrong for another question; without any file of a data set."""

import asyncio
from itertools import pairwise, permutations

import pytest

from peerleap.evals import Grader, Problem, load
from peerleap.evals.data.gym import GYM_TASKS
from peerleap.evals.data.hub import aime_row, gpqa_row
from peerleap.evals.data.problems import shuffled

# Made up in the form of HMMT: closed forms of every sort that its answers have.
HMMT = [
    r"\frac{1}{576}", r"\frac{9\sqrt{23}}{23}", r"\sqrt{6}", r"1-\frac{2}{\pi}", r"2^{99}", r"26!",
    r"\frac{4+2\sqrt{5}}{3}", r"-984", r"56", r"\sqrt{23}-2\sqrt{3}", r"\frac{\sqrt{3}}{2}, -\frac{\sqrt{3}}{2}",
    r"(1, -2)", r"\binom{10}{3}",
    r"\log_2 3", r"8\sqrt{10}", r"\sqrt{\frac{95}{24}}", r"e^{2}", r"\{1, 3, 7\}", r"[0, 2)", r"3+4i",
]  # fmt: skip
# Made up in the form of GPQA, whose right option always comes first.
GPQA = [
    {"Record ID": f"r{n}", "Question": f"Which of these is {word}?", "Correct Answer": f"{word}, plainly\n",
     **{f"Incorrect Answer {k}": f"{other} or (B)" for k, other in enumerate(("iron", "10^-4 eV", "a base"), start=1)}}
    for n, word in enumerate(("an acid", "a metal", "a lepton", "an enzyme", "a gas", "a boson", "a salt", "a star"))
]  # fmt: skip
LETTERS = ["ANSWER: {}", "The correct answer is ({}).", "So it is $\\boxed{{\\text{{{}}}}}$.", "**Answer:** {}"]


async def right(grader: Grader, problem: Problem, text: str) -> bool:
    return (await grader.acheck(f"A thought.</think>{text}", problem.answer, problem.kind)).correct


@pytest.mark.parametrize("task", GYM_TASKS)
async def test_generated_golds(task: str, grader: Grader) -> None:
    pytest.importorskip("reasoning_gym")
    problems = load(f"gym:{task}", limit=15, seed=1)
    own = await asyncio.gather(*(right(grader, p, f"It is \\boxed{{{p.answer}}}.") for p in problems))
    assert [p for p, correct in zip(problems, own, strict=True) if not correct] == []
    pairs = [(p, q) for p, q in pairwise(problems) if p.answer.casefold() != q.answer.casefold()]
    other = await asyncio.gather(*(right(grader, p, f"It is \\boxed{{{q.answer}}}.") for p, q in pairs))
    assert not any(other)


async def test_closed_forms(grader: Grader) -> None:
    rows = [aime_row({"problem_idx": n, "problem": "?", "answer": gold}, n) for n, gold in enumerate(HMMT)]
    problems = [Problem(**row, kind="math") for row in rows]
    own = await asyncio.gather(*(right(grader, p, f"$$\\boxed{{{p.answer}}}$$") for p in problems))
    assert [p.answer for p, correct in zip(problems, own, strict=True) if not correct] == []
    pairs = list(permutations(problems, 2))
    other = await asyncio.gather(*(right(grader, p, f"\\boxed{{{q.answer}}}") for p, q in pairs))
    assert [(p.answer, q.answer) for (p, q), correct in zip(pairs, other, strict=True) if correct] == []


@pytest.mark.parametrize("form", LETTERS)
async def test_letters_of_shuffled_options(form: str, grader: Grader) -> None:
    rows = [gpqa_row(row, n) for n, row in enumerate(GPQA)]
    problems = [shuffled(Problem(**{**row, "choices": tuple(row["choices"])}, kind="choice"), 42) for row in rows]
    assert {problem.answer for problem in problems} == set("ABCD")
    for problem in problems:
        assert problem.choices is not None
        assert problem.choices["ABCD".index(problem.answer)].endswith("plainly")
        said = {letter: await right(grader, problem, form.format(letter)) for letter in "ABCD"}
        assert said == {letter: letter == problem.answer for letter in "ABCD"}
