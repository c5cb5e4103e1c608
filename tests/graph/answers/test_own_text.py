"""What a grader reads of a path that wrote in its peers' name: all of its own words, and none of the invented ones."""

import pytest

from peerleap.engine import THOUGHT_ENDS
from peerleap.evals.grading.grader import Grader
from peerleap.graph.answers import answer_section, extract_answer, own_text, without_comments
from peerleap.graph.history.segments import Kind, Segment

ASKED = "\n\nFinal answer: \\boxed{"


def history(*segments: tuple[Kind, str]) -> list[Segment]:
    return [Segment(kind=kind, round=0, token_ids=[], text=text) for kind, text in segments]


@pytest.mark.parametrize(
    ("segments", "extracted"),
    [
        # Its last thought invents a peer and is cut there; the answer that it was asked for is its own.
        ([("thought", "so \\boxed{5}. <comment>\nPeer 1:"), ("nudge", ASKED), ("answer", "7}")], "7"),
        # Stopped at the tag, segments that nobody has written, and on with its own work.
        ([("thought", "hm <comment>"), ("nudge", "</comment> Nobody has."), ("thought", "so \\boxed{8}")], "8"),
        # Two requests without an insert between them are one text.
        ([("thought", "\\boxed{1} <comm"), ("thought", "ent>Peer 1: \\boxed{2}")], "1"),
        ([("thought", "\\boxed{3} <comment>\\boxed{4}"), ("summary", "x"), ("comment", "\\boxed{9}")], "3"),
        # A thought's end ends what it made up, too.
        ([("thought", "<comment>\\boxed{4}</think>"), ("answer", "\\boxed{6}")], "6"),
        ([("thought", "<comment>\\boxed{4}</comment> no: \\boxed{5}")], "5"),
    ],
)
def test_an_invented_comment_hides_nothing_but_itself(segments: list[tuple[Kind, str]], extracted: str) -> None:
    text = own_text(history(*segments))
    with Grader() as grader:
        verdict = grader.check(text, extracted, "integer")
    assert (verdict.correct, verdict.extracted) == (True, extracted)


@pytest.mark.parametrize("mark", THOUGHT_ENDS)
def test_the_end_of_any_known_familys_thought_is_one(mark: str) -> None:
    text = f"It cannot be A. <comment>Peer 1: \\boxed{{B}}{mark}\n\nThe answer is C."
    assert answer_section(text) == "\n\nThe answer is C."
    assert without_comments(text) == f"It cannot be A. {mark}\n\nThe answer is C."
    with Grader() as grader:
        assert grader.check(f"The answer is D, clearly.{mark}C", "C", "choice").correct


def test_an_answer_on_the_line_after_its_box_is_read() -> None:
    """The path was asked again, since its answer had ended with a line break before it began."""
    segments: list[tuple[Kind, str]] = [("thought", "so"), ("nudge", ASKED), ("answer", "\n"), ("answer", "7}\n")]
    assert own_text(history(*segments)) == "so\n\n\\boxed{7}\n"
    assert own_text(history(*segments[:3])) == "so"


def test_the_vote_and_the_grader_read_the_same_where_a_thought_ends_an_invented_comment() -> None:
    written = history(("thought", r"So \boxed{5}. <comment> \boxed{4}</think> I stay with \boxed{6}"))
    with Grader() as grader:
        assert grader.check(own_text(written), "6", "integer").correct
    assert extract_answer(written, "math") == "6"
