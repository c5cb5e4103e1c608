"""Equation 4 and the ratio that the authors' code uses instead."""

import sys
import threading
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from peerleap.graph.leap_block import similarity
from peerleap.graph.leap_block.levenshtein import distances
from peerleap.graph.leap_block.similarity import compile_ahead, similarity_matrix


def edits(a: str, b: str, swap: int) -> int:
    """Edit distance by its recursive definition, where replacing a character costs `swap`."""
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            replaced = table[i - 1, j - 1] + (0 if a[i - 1] == b[j - 1] else swap)
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, replaced)
    return table[len(a), len(b)]


@pytest.mark.parametrize(("kind", "value"), [("levenshtein", 0.571), ("indel", 0.615)])
def test_the_paper_and_its_code_differ(kind: str, value: float) -> None:
    assert round(similarity_matrix(["kitten", "sitting"], kind)[0][1], 3) == value


def test_the_two_kinds_select_other_peers() -> None:
    own, one, two = "abcd", "bcda", "abxy"
    paper = similarity_matrix([own, one, two], "levenshtein")[0]
    code = similarity_matrix([own, one, two], "indel")[0]
    assert paper[1] == paper[2]
    assert code[1] > code[2]


@given(st.lists(st.text(max_size=10), max_size=5))
@settings(deadline=None, max_examples=50)
def test_every_entry_is_equation_4(texts: list[str]) -> None:
    matrix = similarity_matrix(texts)
    assert len(matrix) == len(texts)
    for a, row in zip(texts, matrix, strict=True):
        assert row == [1.0 if a == b else 1.0 - edits(a, b, 1) / max(len(a), len(b)) for b in texts]


@given(st.lists(st.text(max_size=10), min_size=2, max_size=4))
@settings(deadline=None, max_examples=50)
def test_indel_is_the_ratio_of_the_authors(texts: list[str]) -> None:
    for a, row in zip(texts, similarity_matrix(texts, "indel"), strict=True):
        for b, value in zip(texts, row, strict=True):
            whole = len(a) + len(b)
            assert value == pytest.approx(1.0 if not whole else 1 - edits(a, b, 2) / whole)


@pytest.mark.parametrize("texts", [[], [""], ["one"], ["", ""], ["", "x"]])
def test_small_and_empty(texts: list[str]) -> None:
    matrix = similarity_matrix(texts)
    assert [len(row) for row in matrix] == [len(texts)] * len(texts)
    assert all(row[i] == 1.0 for i, row in enumerate(matrix))
    if texts == ["", "x"]:
        assert matrix[0][1] == 0.0


@given(st.lists(st.text(alphabet="abc \u00e9\U0001f600", max_size=200), min_size=1, max_size=20))
@settings(deadline=None, max_examples=100)
def test_the_compiled_loop_counts_as_rapidfuzz_does(texts: list[str]) -> None:
    expected = [[Levenshtein.distance(a, b) for b in texts] for a in texts]
    assert distances(texts).tolist() == expected


@pytest.mark.parametrize("count", [31, 32, 50])
def test_many_texts_are_compared_as_few_are(count: int) -> None:
    random = Random(count)
    texts = ["".join(random.choices("abcdef ", k=random.choice([0, 1, 63, 64, 65, 300]))) for _ in range(count)]
    matrix = similarity_matrix(texts)
    assert matrix == [[similarity_matrix([a, b])[0][1] for b in texts] for a in texts]


def test_many_texts_are_compared_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["kitten", "sitting", "", "mitten"] * 10
    matrix = similarity_matrix(texts)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "peerleap.graph.leap_block.levenshtein")
    monkeypatch.setattr(similarity, "_distances", cache(similarity._distances.__wrapped__))
    assert similarity_matrix(texts) == matrix
    assert similarity._distances() is None


def test_the_loop_is_compiled_ahead_for_many_texts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = threading.Event()
    monkeypatch.setattr(similarity, "_distances", compiled.set)
    compile_ahead(31)
    assert not any(thread.name == "peerleap-compile" for thread in threading.enumerate())
    compile_ahead(32)
    assert compiled.wait(10)
