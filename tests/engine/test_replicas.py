"""A session stays on its replica, and new sessions go where the fewest are."""

import pytest

from peerleap.engine import replicas as module
from peerleap.engine.replicas import Replicas


def test_a_session_stays_where_it_was() -> None:
    replicas = Replicas(3)
    names = [f"run/solver_{number}" for number in range(9)]
    first = [replicas.rank(name) for name in names]
    assert [replicas.rank(name) for name in reversed(names)] == first[::-1]
    assert {rank: first.count(rank) for rank in first} == {0: 3, 1: 3, 2: 3}, "the same number on each"


def test_one_replica_or_no_session_is_left_to_vllm() -> None:
    assert Replicas(1).rank("run/solver_1") is None
    assert Replicas(2).rank(None) is None


def test_sessions_that_have_ended_are_counted_no_more() -> None:
    replicas = Replicas(2)
    assert [replicas.rank(name) for name in ("a", "b", "c")] == [0, 1, 0]
    replicas.finish(["a", "c", "unknown"])
    assert [replicas.rank(name) for name in ("d", "e", "f")] == [0, 0, 1]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SESSIONS", 4)
    replicas = Replicas(2)
    for number in range(20):
        replicas.rank(str(number))
    assert len(replicas._ranks) == 4
    assert sum(replicas._sessions) == 4
