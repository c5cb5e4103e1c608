"""The vote and the grader agree: what is graded as equal votes together, what is told apart votes apart.

The exceptions are of the kinds that `docs/grading.md` lists, and of no others.
"""

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerleap.evals.grading import Grader, GraderCase, grader_cases
from peerleap.evals.grading.compare import compare
from peerleap.graph import TaskName
from peerleap.graph.answers import (
    Answer,
    Group,
    Node,
    boxed_answers,
    canonical,
    choice_letter,
    extract_answer,
    read_answer,
    without_comments,
)


def values(node: Node) -> list[Node]:
    return [node, *(value for item in node.items for value in values(item))] if isinstance(node, Group) else [node]


def names(answer: Answer) -> list[str]:
    return [node.name for node in values(answer.node) if node.name]


def units(answer: Answer) -> list[str]:
    return [unit for node in values(answer.node) if (unit := getattr(node, "unit", ""))]


def may_vote_together(gold: Answer, answer: Answer) -> bool:
    """The paths of one question name and measure the same thing: names, units, moduli, conditions do not part votes."""
    return (
        names(gold) != names(answer)
        or units(gold) != units(answer)
        or (gold.modulus, gold.condition) != (answer.modulus, answer.condition)
    )


def may_vote_apart(gold: Answer, answer: Answer, how: str) -> bool:
    """Votes are not computed: algebra, units of other sizes, bases, points without brackets need the gold answer."""
    shapes = {node.shape for node in (gold.node, answer.node) if isinstance(node, Group)}
    return how == "math-verify" or units(gold) != units(answer) or bool(gold.based or answer.based) or len(shapes) == 2


def boxed(case: GraderCase) -> str | None:
    found = boxed_answers(without_comments(case.text))
    return (", ".join(found) if case.kind == "math" else found[-1]) if found else None


async def test_over_the_table(grader: Grader) -> None:
    cases = [case for case in grader_cases() if case.kind in {"integer", "math", "text"} and boxed(case)]
    cases = [case for case in cases if len(boxed(case) or "") <= 1000]
    verdicts = await asyncio.gather(*(grader.acheck(case.text, case.gold, case.kind) for case in cases))
    wrong = []
    for case, verdict in zip(cases, verdicts, strict=True):
        answer = boxed(case) or ""
        task: TaskName = "free" if case.kind == "text" else "math"
        together = canonical(answer, task) == canonical(case.gold, task)
        gold, ours = read_answer(case.gold), read_answer(answer)
        allowed = may_vote_together(gold, ours) if together else may_vote_apart(gold, ours, verdict.how)
        if together != verdict.correct and not allowed:
            wrong.append((answer, case.gold, "vote together" if together else "vote apart"))
    assert wrong == []


@pytest.mark.parametrize("case", [case for case in grader_cases() if case.kind == "choice"], ids=lambda case: case.text)
def test_letters_are_read_by_one_reader(case: GraderCase) -> None:
    segment = {"kind": "thought", "round": 0, "token_ids": [], "text": case.text}
    letter = choice_letter(case.text)
    vote = extract_answer([segment], "choice")  # type: ignore[list-item]
    assert vote == letter or (letter is None and "\\boxed{" in case.text)


FORMS = [
    lambda n: f"{n}", lambda n: f"\\frac{{{n.numerator}}}{{{n.denominator}}}",
    lambda n: f"{n.numerator}/{n.denominator}",
    lambda n: f"x = {n}", lambda n: f"\\text{{The answer is }} {n}", lambda n: f"{n} \\text{{ cm}}", lambda n: f"${n}$",
    lambda n: f"\\mathbf{{{n}}}", lambda n: f"\\dfrac{{{n.numerator}}}{{{n.denominator}}}.", lambda n: f"m+n={n}",
    lambda n: f"{n} \\text{{ for all }} k", lambda n: f"({n})", lambda n: f"{n} \\pmod{{1000}}", lambda n: f"{n}元",
    lambda n: f"\\displaystyle {n}", lambda n: f"{n} = {n}", lambda n: f"\\approx {n}", lambda n: f"{n} is the answer",
]  # fmt: skip
NUMBERS = st.builds(Fraction, st.integers(-300, 300), st.integers(1, 12))
PARTS = st.lists(NUMBERS, min_size=2, max_size=3, unique=True)
WRAPS = ["{}", "({})", "[{}]", "\\{{{}\\}}", "x\\in\\{{{}\\}}", "\\left({}\\right)"]


@settings(deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_generated_numbers(one: Fraction, other: Fraction, form: object, other_form: object) -> None:
    gold, answer = form(one), other_form(other)  # type: ignore[operator]
    graded = compare(read_answer(gold), read_answer(answer), lenient=True)
    measures = {unit for unit in ("cm", "元") if unit in f"{gold} {answer}"}
    assert graded is (one == other and len(measures) < 2)  # a length is no price; votes leave units out
    assert (canonical(gold, "math") == canonical(answer, "math")) is (one == other)


@settings(deadline=None)
@given(PARTS, PARTS, st.sampled_from(WRAPS), st.sampled_from(WRAPS), st.booleans())
def test_generated_lists_sets_and_points(
    one: list[Fraction], other: list[Fraction], wrap: str, other_wrap: str, same: bool
) -> None:
    other = list(reversed(one)) if same else other
    gold = wrap.format(", ".join(map(str, one)))
    answer = other_wrap.format(", ".join(map(str, other)))
    graded = compare(read_answer(gold), read_answer(answer), lenient=False)
    together = canonical(gold, "math") == canonical(answer, "math")
    mixed = ("(" in wrap) != ("(" in other_wrap)  # a point without its brackets: the gold answer decides
    assert graded is together or (mixed and graded)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_the_sides_can_be_exchanged(one: Fraction, other: Fraction) -> None:
    for form in FORMS:
        gold, answer = read_answer(form(one)), read_answer(f"{other}")  # type: ignore[no-untyped-call]
        assert compare(gold, answer, lenient=True) == compare(answer, gold, lenient=True)
