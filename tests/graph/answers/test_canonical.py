"""Which answers are equal, and answers that were made to hurt."""

from typing import Any

import pytest

from peerleap.graph.answers import canonical, detect_task, extract_answer, last_box
from peerleap.graph.answers.boxed import LONGEST
from peerleap.graph.vote import group_answers

SAME = [
    ("math", "1/2", "\\frac{1}{2}"),
    ("math", "0.5", "\\dfrac{1}{2}"),
    ("math", "\\tfrac12", "2/4"),
    ("math", "-\\frac{3}{4}", "-0.75"),
    ("math", "1,234,567", "1234567"),
    ("math", "4.0", "4"),
    ("math", "+4", "4"),
    ("math", "$4$", "4"),
    ("math", "x = 4", "4"),
    ("math", "4\\%", "4"),
    ("math", "90^\\circ", "90"),
    ("math", "\\left(1, 2\\right)", "(1,2)"),
    ("math", "\\text{ yes }", "yes"),
    ("math", ".5", "0.5"),
    ("math", "4.", "4"),
    ("math", "−5", "-5"),
    ("math", "\\frac{-1}{2}", "-1/2"),
    ("math", "-\\frac12", "-1/2"),
    ("math", "\\frac{1}{-2}", "-0.5"),
    ("math", "-\\frac{-1}{2}", "\\frac 1 2"),
    ("math", "x\\frac12", "x\\dfrac{1}{2}"),
    ("math", "\\sqrt2", "\\sqrt{2}"),
    ("math", "2\\sqrt x", "2\\sqrt{x}"),
    ("math", "10^{\\circ}", "10"),
    ("math", "10\\circ", "10°"),
    ("math", "1{,}234", "1234"),
    ("math", "x=1,234.5", "1234.5"),
    ("math", "1,2", "1 , 2"),
    ("math", "(1, 234)", "(1,234)"),
    ("math", "18 dollars", "18"),
    ("math", "18\\text{ dollars}", "\\$18"),
    ("math", "\\text{18 dollars}", "18"),
    ("math", "15\\text{ cm}^2", "15"),
    ("math", "3\\text{ h}", "3"),
    ("math", "4 2/3", "\\frac{14}{3}"),
    ("math", "4\\frac23", "\\frac{14}{3}"),
    ("math", "137½", "137.5"),
    ("math", "1 234", "1234"),
    ("math", "1,-2", "-2, 1"),
    ("math", "\\{1,-2\\}", "-2, 1"),
    ("math", "x=1 \\text{ or } x=-2", "1, -2"),
    ("math", "x=1,-2", "1,-2"),
    ("math", "3, 5, \\text{ and } 7", "7,5,3"),
    ("math", "1\\pm\\sqrt5", "1-\\sqrt5, 1+\\sqrt5"),
    ("math", "x\\in[-2,7]", "[-2,7]"),
    ("math", "\\left\\{1,2\\right\\}", "2, 1"),
    ("math", "x^{5}-1", "x^5-1"),
    ("math", "\\mathbf{\\frac{1}{2}}", "0.5"),
    ("math", "\\text{East.}", "east"),
    ("math", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{bmatrix}1\\\\2\\end{bmatrix}"),
    ("choice", "B", "(B)"),
    ("choice", "\\text{B}", "B) blue"),
    ("choice", "\\Large\\mathsf{B}", "B"),
    ("choice", "b", "B"),
    ("choice", "Option B", "B"),
    ("free", "Goethe!", "goethe"),
    ("free", "J. W.  Goethe", "j. w. goethe"),
    ("free", "**“Goethe”**.", "Goethe"),
    ("free", "'Goethe.'", "Goethe"),
    ("free", "$5$", "5"),
    ("free", "\u22125", "-5"),
    ("free", "C++.", "c++"),
]
OTHER = [
    ("math", "4", "5"),
    ("math", "12", "1,2"),
    ("math", "1234", "(1, 234)"),
    ("math", "x^2", "x_2"),
    ("math", "1/3", "0.333"),
    ("math", "-4", "4"),
    ("math", "1/0", "0/1"),
    ("math", "\\leftarrow", "\\rightarrow"),
    ("math", "\\leftarrow", "arrow"),
    ("math", "1, 234", "1234"),
    ("math", "1, 234", "1,234"),
    ("math", "(1,234)", "(1234)"),
    ("math", "\\{1,234\\}", "\\{1234\\}"),
    ("math", "(1,234, (5))", "(1234,(5))"),
    ("math", "0,123", "123"),
    ("math", "1,234,5", "12345"),
    ("math", "\\frac123", "4"),
    ("math", "\\sqrt12", "\\sqrt{12}"),
    ("math", "f\\circ g", "fg"),
    ("math", "4 2/3", "14"),
    ("math", "1 4/5", "14/5"),
    ("math", "2 0 4", "204"),
    ("math", "3 3", "33"),
    ("math", "3 \\text{ million}", "3"),
    ("math", "3 halves", "3"),
    ("math", "3 xyz", "3"),
    ("math", "4 cos x", "4"),
    ("math", "x=1, y=2", "x=2, y=1"),
    ("math", "(1,2)", "(2,1)"),
    ("math", "(1,2)", "1,2"),
    ("math", "x<2 \\text{ and } x>3", "x<2 \\text{ or } x>3"),
    ("math", "52_8", "52"),
    ("math", "X", "x"),
    ("math", "3 hours 20 minutes", "3"),
    ("choice", "A", "B"),
    ("choice", "Apples", "A"),
    ("free", "Goethe", "Schiller"),
    ("free", "-5", "5"),
    ("free", "C++", "C"),
    ("free", "C#", "C"),
    ("free", "3.14", "3 14"),
    ("free", "1/2", "1 2"),
    ("free", "✓", "✗"),
    ("free", "🙂", "🙁"),
    ("free", "?", "!"),
    ("free", "**", "*"),
]


@pytest.mark.parametrize(("task", "one", "two"), SAME)
def test_equal(task: Any, one: str, two: str) -> None:
    assert canonical(one, task) == canonical(two, task)


@pytest.mark.parametrize(("task", "one", "two"), OTHER)
def test_different(task: Any, one: str, two: str) -> None:
    assert canonical(one, task) != canonical(two, task)


@pytest.mark.parametrize("task", ["math", "choice", "free"])
@pytest.mark.parametrize(
    "answer",
    [
        "4",
        "\\frac{1}{2}",
        "(B) blue",
        "J. W. Goethe",
        "",
        "∞",
        "\\boxed{}",
        "1/0",
        "'a'.*",
        "a number",
        "1, 234",
        "(1,234), 5,678",
        "\\{2, 1\\}",
        "x=1 or x=2",
        "1\\pm\\sqrt2",
        "4 2/3",
        "2 0 4",
        "\\text{18 dollars}",
        "…",
        "?!",
    ],
)
def test_idempotent(task: Any, answer: str) -> None:
    once = canonical(answer, task)
    assert canonical(once, task) == once


DEEP = 100_000
HOSTILE = {
    "exponent": "1e999999999",
    "power": "9**9**9**9**9",
    "digits": "9" * DEEP,
    "fraction": "1/" + "9" * DEEP,
    "frac": "\\frac" + "1" * DEEP + "x",
    "nested": "{" * DEEP + "}" * DEEP,
    "opened": "{" * DEEP,
    "closed": "}" * DEEP,
    "boxes": "\\boxed{" * (DEEP // 5) + "\n\nx",
    "boxes closed": "\\boxed{" * (DEEP // 5) + "}" * (DEEP // 5),
    "blanks": "answer is" + " " * DEEP + "x",
    "stars": "answer:" + "*" * DEEP,
    "commas": "answer is " + "," * DEEP,
    "lines": "A)" + "\n" * DEEP + "B) x",
    "finals": "final " * (DEEP // 5),
    "texts": "\\text{" * (DEEP // 5),
    "zeros": "0." + "0" * DEEP + "1",
    "arabic": "٤٢",
    "surrogate": "\ud800 \x00",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("task", ["math", "choice", "free"])
@pytest.mark.timeout(20)
def test_hostile_answers_come_back(task: Any, name: str) -> None:
    text = HOSTILE[name]
    last_box(text, unclosed=True)
    detect_task(text)
    for said in (text, f"\\boxed{{{text}}}", f"Final answer: {text}"):
        segment: Any = {"kind": "thought", "round": 0, "token_ids": [], "text": said}
        extract_answer([segment], task)
    groups = group_answers({"a": text, "b": text + "!"}, {"a": 1, "b": 1}, task)
    assert sorted(path for group in groups for path in group["paths"]) == ["a", "b"]
    assert canonical(text, task) == canonical(text, task)  # in time: nothing else is promised of such a text


def test_deep_nesting_is_still_read_right() -> None:
    assert last_box("\\boxed{" + HOSTILE["nested"] + "}") == HOSTILE["nested"][:LONGEST]


def test_a_run_survives_a_hostile_answer(leap: Any) -> None:
    def write(call: Any) -> str:
        return "\\boxed{1e999999999\x00}" if call.number == 1 else "\\boxed{9**9**9**9}"

    run = leap(write, paths=2)
    assert run.out["paths"]["solver_1"]["answer"] == "1e999999999"
    assert len(run.out["votes"]) == 2


def test_an_answer_that_cannot_be_stored_is_none(leap: Any) -> None:
    said = {1: "\\boxed{\x00}", 2: "\\boxed{4\x00}"}
    run = leap(lambda call: "\x00}\n" if call.stage == "ask" else said[call.number], paths=2)
    answers = {path: outcome["answer"] for path, outcome in run.out["paths"].items()}
    assert answers == {"solver_1": None, "solver_2": "4"}
    assert {e["path"]: e["answer"] for e in run.events if e["type"] == "path_end"} == answers
    assert [vote["answer"] for vote in run.out["votes"]] == ["4"]
