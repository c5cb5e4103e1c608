"""One majority and one length, for the graph's vote and for the metrics of evals."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peerleap.evals.stats import Graded, Tokens, question_metrics
from peerleap.evals.stats import shortest_majority as metric
from peerleap.graph.answers.election import ELECTIONS, classes
from peerleap.graph.vote import group_answers, majority, own_tokens, shortest_majority

BALLOTS = st.lists(st.tuples(st.sampled_from([None, "1", "2", "3"]), st.integers(0, 4000)), min_size=1, max_size=12)


def usage(own: int, summary: int) -> Any:
    return {"thought": own, "answer": 0, "summary": summary, "generated": own + summary}


def test_the_graph_and_the_metric_elect_the_same_answer_where_summaries_are_long() -> None:
    own, summaries = [2000, 2000, 2000, 100, 100], 1024
    answers = dict(zip("abcde", "77722", strict=True))
    lengths = {path: own_tokens(usage(length, summaries)) for path, length in zip("abcde", own, strict=True)}
    graph = shortest_majority(group_answers(answers, lengths, "math"))["answer"]
    paths = [
        Graded(answer, correct=answer == "2", tokens=Tokens(own=length, summary=summaries))
        for answer, length in zip(answers.values(), own, strict=True)
    ]
    elected = metric(paths)
    assert elected is not None
    assert (graph, elected.answer, question_metrics(paths)["shortest@n"]) == ("2", "2", 1.0)


@given(BALLOTS)
def test_both_votes_agree_on_any_ballots(ballots: list[tuple[str | None, int]]) -> None:
    answers = {f"p{number}": answer for number, (answer, _) in enumerate(ballots)}
    lengths = {f"p{number}": length for number, (_, length) in enumerate(ballots)}
    groups = group_answers(answers, lengths, "math")
    paths = [Graded(answer, correct=False, tokens=Tokens(own=length)) for answer, length in ballots]
    elected = metric(paths)
    assert (shortest_majority(groups)["answer"] if groups else None) == (elected.answer if elected else None)


def test_of_equals_the_first_path_decides() -> None:
    groups = classes(["b", "a", None, "a", "b"])
    assert groups == [[0, 4], [1, 3]]
    assert {name: election(groups, [9] * 5) for name, election in ELECTIONS.items()} == dict.fromkeys(ELECTIONS, 0)
    assert majority(group_answers({"x": "4", "y": "5"}, {"x": 1, "y": 1}, "math"))["answer"] == "4"
