"""From the paths' answers to the run's."""

from math import log
from typing import Any

import pytest

from peerleap.graph.answers import ELECTIONS
from peerleap.graph.vote import group_answers, majority, most_similar, shortest_majority

TOKENS = {"a": 100, "b": 200, "c": 300, "d": 400, "e": 500}


def groups(*answers: str | None, tokens: dict[str, int] | None = None, task: Any = "math") -> Any:
    return group_answers(dict(zip("abcde", answers, strict=False)), tokens or TOKENS, task)


def test_equal_answers_are_one_group_in_the_words_of_the_first() -> None:
    assert groups("1/2", "7", "0.5", None, "\\frac12") == [
        {"answer": "1/2", "paths": ["a", "c", "e"], "mean_tokens": 300.0},
        {"answer": "7", "paths": ["b"], "mean_tokens": 200.0},
    ]


def test_most_votes_win() -> None:
    assert majority(groups("7", "4", "4"))["answer"] == "4"


def test_of_equal_votes_the_first_path_wins() -> None:
    assert majority(groups("7", "4", "4", "7"))["answer"] == "7"
    assert majority(groups(None, "4", "7"))["answer"] == "4"


def test_shortest_majority_is_votes_over_log_length() -> None:
    tokens = {"a": 10, "b": 9000, "c": 9000}
    found = groups("7", "4", "4", tokens=tokens)
    scores = {g["answer"]: len(g["paths"]) / log(g["mean_tokens"]) for g in found}
    assert scores["7"] > scores["4"]
    assert shortest_majority(found)["answer"] == "7"
    assert majority(found)["answer"] == "4"


def test_shortest_majority_takes_the_logarithm() -> None:
    # 1 / log(10) < 2 / log(40), although 1 / 10 > 2 / 40.
    assert shortest_majority(groups("7", "4", "4", tokens={"a": 10, "b": 40, "c": 40}))["answer"] == "4"


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_shortest_majority_of_hardly_any_tokens(tokens: int) -> None:
    found = groups("7", "4", tokens={"a": tokens, "b": tokens})
    assert shortest_majority(found)["answer"] == "7"


def test_the_most_similar_answer_is_the_medoid() -> None:
    found = groups("the cat sat", "the cat sat down", "a dog ran far away", "the cat sits", task="free")
    assert most_similar(found)["answer"] == "the cat sat"


def test_the_most_similar_answer_counts_paths() -> None:
    found = groups("aaaa", "bbbb", "bbbb!", "cccc", task="free")
    assert most_similar(found)["answer"] == "bbbb"


def answering(*answers: str) -> Any:
    return lambda call: answers[call.number - 1] if call.stage == "thought" else "}\n"


def test_a_run_tells_its_votes(leap: Any) -> None:
    run = leap(answering("\\boxed{7}", "\\boxed{4}", "\\boxed{4.0}", "Hm."), paths=4)
    assert run.out["answer"] == "4"
    assert [(v["answer"], v["votes"], v["paths"]) for v in run.out["votes"]] == [
        ("4", 2, ["solver_2", "solver_3"]), ("7", 1, ["solver_1"]),
    ]  # fmt: skip
    assert run.out["paths"]["solver_4"]["answer"] is None


def test_a_tie_goes_to_the_first_path_every_time(leap: Any) -> None:
    script = answering("\\boxed{7}", "\\boxed{4}", "\\boxed{4}", "\\boxed{7}")
    assert {leap(script, paths=4, seed=seed).out["answer"] for seed in range(3)} == {"7"}


def test_the_vote_is_a_setting(leap: Any) -> None:
    script = answering("\\boxed{7}", "x" * 900 + "\\boxed{4}", "x" * 900 + "\\boxed{4}")
    assert leap(script, paths=3, vote="shortest_majority", rounds=0).out["answer"] == "7"
    assert leap(script, paths=3, vote="majority", rounds=0).out["answer"] == "4"
    assert set(ELECTIONS) == {"majority", "shortest_majority"}


def test_free_answers_are_decided_by_likeness(leap: Any) -> None:
    said = ["a dog ran far away", "the cat sat", "the cat sat down", "the cat sits"]
    run = leap(answering(*(f"Final answer: {text}" for text in said)), paths=4, question="Who sat?")
    assert run.out["answer"] == "the cat sat"


def test_free_answers_with_a_real_majority_are_counted(leap: Any) -> None:
    said = ["a dog", "a dog", "A dog!", "the cat sat", "the cat sits"]
    run = leap(answering(*(f"Final answer: {text}" for text in said)), paths=5, question="Who sat?")
    assert run.out["answer"] == "a dog"


def test_nobody_has_an_answer(leap: Any) -> None:
    run = leap(answering("Hm.", "Hm."), paths=2)
    assert run.out["answer"] is None
    assert run.out["votes"] == []
    assert run.out["messages"][-1].content == ""


def test_the_answer_is_the_last_message(leap: Any) -> None:
    run = leap(answering("\\boxed{4}", "\\boxed{4}"))
    assert [(m.type, m.content, m.name) for m in run.out["messages"]] == [("ai", "4", "leap")]
