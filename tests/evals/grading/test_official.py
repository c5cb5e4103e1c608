import pytest

from peerleap.evals import Grader


@pytest.mark.parametrize(
    ("text", "gold", "theirs"),
    [
        (r"\boxed{1,2}", "12", True),
        (r"\boxed{\sqrt{3}+1}", r"\sqrt{3}", True),
        (r"\boxed{x+1}", "2x+13", True),
        ("<comment> Peer 1: \\boxed{204} </comment>", "204", True),
        ("total 204. Check with n=3, works.", "3", True),
        (r"\boxed{2\sqrt2}", r"\sqrt8", False),
        (r"\boxed{\text{204}}", "204", False),
        (r"\boxed{33+171}", "204", False),
        ("ANSWER: C", "C", False),
        ('"ANSWER": "C"', "C", False),
        (r"\boxed{C}", "C", True),
        (r"\boxed{\frac12}", r"\frac{1}{2}", True),
        (r"\boxed{1/2}", r"\frac{1}{2}", True),
        (r"\boxed{\sqrt3}", r"\sqrt{3}", True),
        (r"\boxed{90^\circ}", "90", True),
        (r"\boxed{\frac}", r"\frac{1}{3}", False),
        ("", "C", False),
    ],
)
def test_the_authors_rules_are_reproduced_on_request(text: str, gold: str, theirs: bool) -> None:
    with Grader("leap-official") as grader:
        verdict = grader.check(text, gold, "math")
    assert (verdict.correct, verdict.how) == (theirs, "leap-official")
