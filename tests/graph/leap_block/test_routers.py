"""Equations 1 to 3 of the paper against their brute-force reading: the best of all subsets of peers."""

from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerleap.graph.defaults import COMMON, INSTRUCT
from peerleap.graph.leap_block.block import route
from peerleap.graph.leap_block.routers import ROUTERS
from peerleap.graph.settings import RunSettings, Settings, complete

TEXT = st.one_of(st.sampled_from(["", "same", "samt", "ein Wort", "日本語", "👩‍🔬e\u0301"]), st.text(max_size=12))
TEXTS = st.lists(TEXT, min_size=1, max_size=7)


def edits(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def likeness(a: str, b: str) -> float:
    return 1.0 if not a and not b else 1.0 - edits(a, b) / max(len(a), len(b))


def run_settings(**values: Any) -> RunSettings:
    return complete(Settings(**values), {**COMMON, **INSTRUCT})


def best_set(scores: dict[str, float], names: list[str], k: int, sign: int) -> list[str]:
    """The subset of k with the largest (+1) or smallest (-1) sum; of equal sums, the first names."""
    k = min(k, len(names))
    every = combinations(names, k)
    best = min(every, key=lambda chosen: (-sign * round(sum(scores[n] for n in chosen), 9), chosen))
    return list(best)


def routed(texts: list[str], k: int, **more: Any) -> dict[str, list[str]]:
    names = [f"p{number}" for number in range(len(texts))]
    summaries: Any = {n: {"text": t, "tokens": 1, "cut": False} for n, t in zip(names, texts, strict=True)}
    asked = run_settings(top_k=k, **{"similarity": "levenshtein", **more})
    routes: dict[str, list[str]] = route(summaries, names, names, asked, 0)["routes"]
    return routes


def others(texts: list[str], reader: str) -> tuple[dict[str, float], list[str]]:
    own = texts[int(reader[1:])]
    names = [f"p{j}" for j, text in enumerate(texts) if f"p{j}" != reader and text]
    return {f"p{j}": likeness(own, text) for j, text in enumerate(texts)}, names


@given(TEXTS, st.integers(1, 9))
@settings(deadline=None, max_examples=50)
def test_dispersed_is_the_least_similar_set(texts: list[str], k: int) -> None:
    for reader, chosen in routed(texts, k, router="dispersed").items():
        scores, names = others(texts, reader)
        assert set(chosen) == set(best_set(scores, names, k, -1))
        assert [scores[n] for n in chosen] == sorted(scores[n] for n in chosen)


@given(TEXTS, st.integers(1, 9))
@settings(deadline=None, max_examples=50)
def test_clustered_is_the_most_similar_set(texts: list[str], k: int) -> None:
    for reader, chosen in routed(texts, k, router="clustered").items():
        scores, names = others(texts, reader)
        assert set(chosen) == set(best_set(scores, names, k, +1))
        assert [scores[n] for n in chosen] == sorted((scores[n] for n in chosen), reverse=True)


@given(TEXTS, st.integers(1, 9))
@settings(deadline=None, max_examples=50)
def test_hybrid_is_half_the_nearest_and_half_the_farthest(texts: list[str], k: int) -> None:
    for reader, chosen in routed(texts, k, router="hybrid").items():
        scores, names = others(texts, reader)
        near = best_set(scores, names, k // 2, +1)
        far = best_set(scores, [n for n in names if n not in near], k - k // 2, -1)
        assert set(chosen) == {*near, *far}
        assert len(chosen) == min(k, len(names))
        assert set(chosen[: len(near)]) == set(near)


@given(TEXTS, st.integers(1, 9), st.sampled_from(sorted(ROUTERS)), st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_every_router_keeps_its_promises(texts: list[str], k: int, router: str, seed: int) -> None:
    routes = routed(texts, k, router=router, seed=seed)
    assert routes == routed(texts, k, router=router, seed=seed)
    assert list(routes) == [f"p{number}" for number in range(len(texts))]
    for reader, chosen in routes.items():
        _, names = others(texts, reader)
        assert reader not in chosen
        count = {"all": len(names), "none": 0}.get(router, min(k, len(names)))
        assert len(set(chosen)) == len(chosen) == count
        assert set(chosen) <= set(names)


@pytest.mark.parametrize("router", ["dispersed", "clustered", "hybrid"])
def test_ties_go_to_the_lower_number(router: str) -> None:
    assert routed(["same"] * 5, 2, router=router) == {
        "p0": ["p1", "p2"], "p1": ["p0", "p2"], "p2": ["p0", "p1"], "p3": ["p0", "p1"], "p4": ["p0", "p1"],
    }  # fmt: skip


def test_equal_fractions_tie_although_their_terms_differ() -> None:
    # 1/3 and 2/6 of the letters differ.
    texts = ["abc", "abcdef", "xbc", "abx"]
    scores, _ = others(texts, "p0")
    assert scores["p2"] == scores["p3"]
    assert routed(texts, 2, router="clustered")["p0"] == ["p2", "p3"]


def test_an_odd_k_of_hybrid_reads_one_more_of_the_least_similar() -> None:
    texts = ["aaaa", "aaab", "aabb", "abbb", "bbbb"]
    assert routed(texts, 3, router="hybrid")["p0"] == ["p1", "p4", "p3"]
    assert routed(texts, 1, router="hybrid")["p0"] == ["p4"]


def test_random_depends_on_seed_round_and_reader() -> None:
    texts = [f"text {number}" for number in range(30)]
    first = routed(texts, 4, router="random", seed=1)
    assert first != routed(texts, 4, router="random", seed=2)
    assert len({tuple(n for n in chosen) for chosen in first.values()}) > 20


def test_random_reaches_every_peer() -> None:
    router = ROUTERS["random"]
    drawn = {j for number in range(200) for j in router([], [0, 2, 5], 1, Random(number), [])}
    assert drawn == {0, 2, 5}


def test_nobody_reads_an_empty_summary_but_its_path_reads() -> None:
    assert routed(["", "b", "c"], 4, router="all") == {"p0": ["p1", "p2"], "p1": ["p2"], "p2": ["p1"]}


def test_only_readers_are_routed() -> None:
    summaries: Any = {n: {"text": n, "tokens": 1, "cut": False} for n in ("a", "b", "done")}
    asked = run_settings(router="all", similarity="levenshtein", top_k=1)
    record = route(summaries, ["a", "b"], ["a", "b", "done"], asked, 3)
    assert record["routes"] == {"a": ["b", "done"], "b": ["a", "done"]}
    assert record["round"] == 3
    assert record["paths"] == ["a", "b", "done"]
