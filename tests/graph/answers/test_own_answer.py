"""A path's own answer: read from what it wrote itself, and from nothing else."""

from typing import Any

import pytest

from peerleap.graph.answers import detect_task, extract_answer, find_answer, last_box


def segment(kind: str, text: str) -> Any:
    return {"kind": kind, "round": 0, "token_ids": [], "text": text}


def own(text: str) -> list[Any]:
    return [segment("prompt", "Put it inside \\boxed{}. \\boxed{0}"), segment("thought", text)]


BOXES = [
    ("\\boxed{4}", "4"),
    ("first \\boxed{3} then \\boxed{4}.", "4"),
    ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
    ("\\boxed{ \\text{a {nested {box}}} }", "\\text{a {nested {box}}}"),
    ("\\boxed{\\boxed{7}}", "7"),
    ("\\fbox{4}", "4"),
    ("\\boxed {4}", "4"),
    ("} \\boxed{4} }", "4"),
    ("\\boxed{4", "4"),
    ("\\boxed{4$.", "4"),
    ("\\boxed{4\n\n", "4"),
    ("\\boxed{3} so \\boxed{", "3"),
    ("\\boxed{3} so \\boxed{4\nbut then more", "3"),
    ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
    ("nothing", None),
    ("\\boxed{", None),
    ("\\boxed{\n4", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "box"), BOXES)
def test_the_last_box_with_balanced_braces(text: str, box: str | None) -> None:
    assert last_box(text, unclosed=True) == box


MATHS = [
    ("\\boxed{} The answer is 7.", "7"),
    ("The final answer is $x^2$.", "x^2"),
    ("**Answer:** 12", "12"),
    ("Answer = 1,234.5", "1,234.5"),
    ("answer: 3/4", "3/4"),
    ("The answer is -5 and the answer is 6", "6"),
    ("The answer is unknown", None),
    ("42", None),
    ("The final answer is: **42**", "42"),
    ("**Final answer**: **42**.", "42"),
    ("The answer is\n\n**42**", "42"),
    ("The answer is −5", "−5"),
    ("The answer is 5, as 2+3=5", "5"),
    ("The answer is 5.", "5"),
    ("The answer is 5 km/h", "5"),
    ("The answer is 42\n- 3 apples", "42"),
    ("The answer is **42** (as 6*7 = 42)", "42"),
    ("The answer is *42* (as above)", "42"),
    ("The answer is 42 - (sic)", "42"),
    ("The answer is 2^n", None),
    ("The answer is 3.5\\times10^4", None),
    ("The answer is 3.5 × 10^4", None),
    ("The answer is 1e5", None),
    ("The answer is 2^{10}", None),
    ("The answer is 10^4", None),
    ("The answer is 12:30", None),
    ("The answer is 3 + 4 = 7", None),
    ("The answer is 2\\sqrt{3}", None),
    ("The answer is 5. No, the answer is 2^{10}", None),
    ("The answer is 2^{10}. So the answer is 1024.", "1024"),
]


@pytest.mark.parametrize(("text", "answer"), MATHS)
def test_maths(text: str, answer: str | None) -> None:
    assert extract_answer(own(text), "math") == answer


CHOICES = [
    ("\\boxed{B}", "B"),
    ("\\boxed{\\text{C}}", "C"),
    ("\\boxed{\\textbf{(D)}}", "D"),
    ("\\boxed{A. red}", "A"),
    ("The answer is (B).", "B"),
    ("The correct option is C", "C"),
    ("Answer: **D**", "D"),
    ("Final answer: option E", "E"),
    ("\\boxed{42} but the answer is A", "A"),
    ("the answer is (b)", "B"),
    ("The answer is a matter of taste.", None),
    ("\\boxed{Apples}", None),
    ("\\boxed{I don't know}", None),
    ("\\boxed{A number}", None),
    ("\\boxed{A is right}", "A"),
    ("\\boxed{I}", "I"),
    ("\\boxed{B the second}", "B"),
    ("A", "A"),
    ("\\boxed{A, B}", None),
    ("\\boxed{C and D}", None),
    ("\\boxed{\\text{A or B}}", None),
    ("\\boxed{C}, no: \\boxed{AB}", None),
    ("所以选C。", "C"),
    ("\\boxed{b}", "B"),
    ("\\boxed{(j)}", "J"),
    ("\\boxed{\\text{c}.}", "C"),
    ("\\boxed{Option B}", "B"),
    ("\\boxed{\\text{Option }B}", "B"),
    ("\\boxed{\\text{Answer: } \\textbf{(c)}}", "C"),
    ("\\boxed{choice d}", "D"),
    ("\\boxed{Options}", None),
    ("\\boxed{k}", None),
    ("\\boxed{a number}", None),
    ("\\boxed{Because A}", None),
    ("\\boxed{OptionB}", None),
]


@pytest.mark.parametrize(("text", "answer"), CHOICES)
def test_choice(text: str, answer: str | None) -> None:
    assert extract_answer(own(text), "choice") == answer


FREE = [
    ("Well.\nFinal answer: Goethe wrote it.", "Goethe wrote it."),
    ("**Final answer:** Goethe", "Goethe"),
    ("Final answer: a\nFinal answer: b", "b"),
    ("\\boxed{Goethe}", "Goethe"),
    ("Goethe wrote it.", None),
    ("Final answer: -5", "-5"),
    ("Final answer:−5", "−5"),
    ("**Final answer:** -5 degrees", "-5 degrees"),
    ("**Final answer: -5**", "-5"),
    ("**Final answer**: -5", "-5"),
    ("**Final answer:**-5", "-5"),
    ("Final answer:** -5", "-5"),
    ("> ### *Final answer:* -5", "-5"),
    ("Final answer: (a, b)", "(a, b)"),
    ("Final answer: [1,2]", "[1,2]"),
    ("Final answer: ¬P", "¬P"),
    ("Final answer: .NET", ".NET"),
    ("Final answer: C++", "C++"),
    ("Final answer:\n\nParis", "Paris"),
    ("Final answer: $5", "$5"),
    ("Final answer: $5$", "5"),
    ("Final answer: **$5$**", "5"),
    ("Final answer: **A** and **B**", "**A** and **B**"),
    ("Final answer: 2 * 3", "2 * 3"),
    ("Final answer: *x*", "x"),
    ("Final answer: `ls *`", "ls *"),
    ("Final answer: __init__", "__init__"),
    ('Final answer: "Hello"', "Hello"),
    ('Final answer: "a" or "b"', '"a" or "b"'),
    ("Final answer: “Hello”", "Hello"),
    ("Final answer: ****", "****"),
    ("Final answer: ", None),
]


@pytest.mark.parametrize(("text", "answer"), FREE)
def test_free(text: str, answer: str | None) -> None:
    assert extract_answer(own(text), "free") == answer


def test_a_free_answer_section_is_an_answer_as_it_is() -> None:
    history = [*own("Hm.</think>"), segment("answer", "\n\nGoethe wrote it. ")]
    assert extract_answer(history, "free") == "Goethe wrote it."
    assert extract_answer([*own("Hm."), segment("answer", " **Goethe**\n\n")], "free") == "Goethe"
    assert extract_answer(history, "math") is None


@pytest.mark.parametrize("kind", ["prompt", "comment", "trigger", "tool", "nudge", "summary", "error"])
@pytest.mark.parametrize("task", ["math", "choice", "free"])
def test_nothing_but_a_paths_own_text_counts(kind: str, task: Any) -> None:
    text = "The answer is 666. \\boxed{A}\nFinal answer: A"
    assert extract_answer([*own("I am not sure."), segment(kind, text)], task) is None
    assert extract_answer([segment(kind, text), *own("\\boxed{B}")[1:]], task) == "B"


def test_the_answer_section_counts_before_the_thought() -> None:
    history = [*own("Is it \\boxed{3}?</think>"), segment("answer", "No: the answer is 4.")]
    assert extract_answer(history, "math") == "4"
    history[-1] = segment("answer", "As I said.")
    assert extract_answer(history, "math") == "3"


COMMENTED = [
    ("In HTML, <comment> is no tag. The answer is 4.", "math", "4", False),
    ("<comment>\\boxed{4}", "math", "4", False),
    ("<comment>\\boxed{4}</comment>", "math", None, None),
    ("It is \\boxed{3}. <comment>\\boxed{4}", "math", "3", True),
    ("<comment> is a tag", "free", "<comment> is a tag", False),
]


@pytest.mark.parametrize(("text", "task", "answer", "boxed"), COMMENTED)
def test_an_unclosed_comment_in_the_answer_section(text: str, task: Any, answer: str | None, boxed: Any) -> None:
    found = find_answer([*own("Hm.</think>"), segment("answer", text)], task)
    assert (found and found.answer, found and found.boxed) == (answer, boxed)


def test_the_thought_counts_before_an_unclosed_comment() -> None:
    history = [*own("It is \\boxed{3}.</think>"), segment("answer", "<comment>\\boxed{4}")]
    assert extract_answer(history, "math") == "3"
    assert extract_answer(own("<comment>\\boxed{4}"), "math") is None


def test_a_forced_box_counts_as_opened() -> None:
    history = [*own("Hm."), segment("nudge", "\n\nFinal answer: \\boxed{")]
    assert extract_answer([*history, segment("answer", "x^{2}}\n")], "math") == "x^{2}"
    assert extract_answer([*history, segment("answer", "x^{2")], "math") == "x^{2}"
    assert extract_answer([*history, segment("answer", " (B)}")], "choice") == "B"
    assert extract_answer([*history, segment("answer", "\n")], "math") is None


def test_only_the_nudge_opens_the_box() -> None:
    assert extract_answer([segment("comment", "\\boxed{"), segment("thought", "6}")], "math") is None


def test_a_round_that_ends_inside_the_answer_tears_nothing_apart() -> None:
    assert extract_answer([*own("It is \\boxed{12"), segment("thought", "34}")], "math") == "1234"
    assert extract_answer([*own("Final answer: Go"), segment("thought", "ethe")], "free") == "Goethe"


def test_two_thoughts_with_a_comment_between_are_two_texts() -> None:
    history = [*own("The answer is 1"), segment("comment", "..."), segment("thought", "2 are left.")]
    assert extract_answer(history, "math") == "1"


QUESTIONS = [
    ("What is 2 + 2?", "math"),
    ("Solve for $x$", "math"),
    ("How many sheep are there?", "math"),
    ("Which one?\nA) 1\nB) 2", "choice"),
    ("Which one?\n(A) one\n(B) two\n(C) three", "choice"),
    ("Which one?\n  A. one\n\n  B. two", "choice"),
    ("A. Einstein said what?", "free"),
    ("Pick.\nB) one\nA) two", "free"),
    ("Who wrote Faust?", "free"),
]


@pytest.mark.parametrize(("question", "task"), QUESTIONS)
def test_what_kind_of_question_it_is(question: str, task: str) -> None:
    assert detect_task(question) == task


def test_a_peers_answer_is_never_a_paths_own(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return "The answer is 666: \\boxed{666}</summarize>"
        if call.stage == "thought":
            return "x" * 99 if call.round == 0 else "No idea."
        return "4}\n"

    run = leap(write, paths=3)
    assert "\\boxed{666}" in run.texts("solver_1", "comment")[0]
    assert {outcome["answer"] for outcome in run.out["paths"].values()} == {"4"}
