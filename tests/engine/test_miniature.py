"""Which questions the miniature answers."""

import pytest

from peerleap.engine import family_of
from peerleap.training.miniature.questions import questions


@pytest.mark.parametrize("family", ["chain", "countdown"])
def test_every_generated_question_is_recognised(family: str) -> None:
    expected = {"chain": "chain sum", "countdown": "countdown"}[family]
    for row in questions(family, 200, 3, (2, 14)):
        assert family_of(row["question"]) == expected, row


@pytest.mark.parametrize(
    "question",
    [
        "What is the sum of the first 10 odd numbers?",
        "What is 5 - 9 + 10?",  # leaves 0 to 999
        "What is 999 + 1?",
        "What is 1000 + 1?",
        "What is 3 * 4?",
        "What is " + " + ".join(["1"] * 15) + "?",
        "What is 7?",
        "Use each of the numbers 3, 7 and 13 once, with + - * / and brackets, to make 29.",
        "Use each of the numbers 3, 7, 8, 9 and 1 once, with + - * / and brackets, to make 29.",
        "Use each of the numbers 3, 7 and 8 once, with + - * / and brackets, to make 1000.",
        "What is 1 + 2? And why?",
        "",
    ],
)
def test_anything_else_is_not(question: str) -> None:
    assert family_of(question) is None
