from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerleap.evals.stats import Graded, Tokens, aha_count, majority, pass_at_k, question_metrics, shortest_majority


def path(answer: str | None, *, right: bool = False, own: int = 100) -> Graded:
    return Graded(answer, right, Tokens(own=own))


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_path(rights: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(rights)))
    subsets = list(combinations(rights, k))
    assert pass_at_k(sum(rights), len(rights), k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("correct", "paths", "k"), [(3, 2, 1), (-1, 2, 1), (1, 2, 3), (1, 2, 0)])
def test_impossible_counts_are_refused(correct: int, paths: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"correct={correct}"):
        pass_at_k(correct, paths, k)


def test_majority_takes_most_votes_then_the_first_path() -> None:
    assert majority([path("1"), path("2"), path("2")]) == path("2")
    assert majority([path("2"), path("1"), path("1"), path("2")]) == path("2")
    assert majority([path(None), path(None), path("7")]) == path("7")
    assert majority([path(None)]) is None


def test_shortest_majority_weighs_votes_by_length() -> None:
    long_three = [path("long", own=10_000)] * 3
    short_two = [path("short", own=20)] * 2
    # 3 / ln 10000 = 0.326, 2 / ln 20 = 0.668
    assert shortest_majority([*long_three, *short_two]) == path("short", own=20)
    assert shortest_majority([*long_three, path("short", own=20_000)]) == path("long", own=10_000)
    assert shortest_majority([path("a"), path("b")]) == path("a")
    assert shortest_majority([path("a", own=0)]) is not None


def test_question_metrics() -> None:
    paths = [
        Graded("1", True, Tokens(10, 2, 3, 20, 15), {"laser": 2}),
        Graded("2", False, Tokens(20, 4, 5, 40, 35), {"laser": 0}),
        Graded("2", False, Tokens(30, 6, 1, 60, 10), {"laser": 1}),
        Graded(None, False),
    ]
    values = question_metrics(paths, ks=(1, 2))
    assert values["pass@1"] == 0.25
    assert values["pass@2"] == 0.5
    assert (values["cons@n"], values["any@n"], values["no_answer"]) == (0.0, 1.0, 0.25)
    assert (values["tokens_own"], values["tokens_cached"], values["aha_laser"]) == (15.0, 15.0, 1.0)
    with pytest.raises(ValueError, match="paths="):
        question_metrics([])


def test_tokens_add_up_and_refuse_nonsense() -> None:
    total = Tokens(1, 2, 3, 10, 4) + Tokens(1, 1, 1, 1, 1)
    assert total == Tokens(2, 3, 4, 11, 5)
    assert (total.generated, total.computed) == (5, 11)
    with pytest.raises(ValueError, match="own=-1"):
        Tokens(own=-1)
    with pytest.raises(ValueError, match="cached=2 is more than prefill=1"):
        Tokens(prefill=1, cached=2)


def test_aha_words_are_counted_by_name() -> None:
    text = "Wait, let me recheck. However, I await it; re-evaluating. WAIT!"
    assert aha_count(text) == 4
    assert aha_count(text, "reflection") == 4
    assert aha_count("", "reflection") == 0
    with pytest.raises(ValueError, match="list='mine'"):
        aha_count(text, "mine")
