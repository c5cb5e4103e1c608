"""Sessions spread evenly, stay where they are, and move only when their server is gone."""

import random

import pytest

from peerleap.engine.server import placement as module
from peerleap.engine.server.placement import Placement

SERVERS = ["http://a:1", "http://b:1", "http://c:1"]


def names(count: int, run: str = "run") -> list[str]:
    return [f"{run}/solver_{number}" for number in range(count)]


def test_sessions_spread_evenly_and_stay() -> None:
    placement = Placement(SERVERS)
    homes = {name: placement.place(name, 0.0) for name in names(24)}
    assert sorted(list(homes.values()).count(server) for server in SERVERS) == [8, 8, 8]
    for name in random.sample(list(homes), 24):
        assert placement.place(name, 0.0) == homes[name]


def test_another_process_places_the_same_sessions_alike() -> None:
    first, second = Placement(SERVERS), Placement([*reversed(SERVERS)])
    assert [first.place(name, 0.0) for name in names(24)] == [second.place(name, 0.0) for name in names(24)]


def test_runs_do_not_all_begin_on_the_same_server() -> None:
    assert {Placement(SERVERS).place(f"{run}/solver_1", 0.0) for run in range(50)} == set(SERVERS)


def test_a_server_that_is_gone_loses_its_sessions_to_the_others() -> None:
    placement = Placement(SERVERS)
    before = {name: placement.place(name, 0.0) for name in names(30)}
    assert placement.gone(SERVERS[0], 0.0)
    after = {name: placement.place(name, 0.0) for name in names(30)}
    assert all(after[name] == home for name, home in before.items() if home != SERVERS[0])
    assert sorted([*after.values()].count(server) for server in SERVERS[1:]) == [15, 15]
    placement.back(SERVERS[0])
    assert after == {name: placement.place(name, 0.0) for name in names(30)}, "they stay where they have gone"
    assert placement.place("new", 0.0) == SERVERS[0], "new ones go where the fewest are"


def test_all_gone() -> None:
    placement = Placement(SERVERS)
    for server in SERVERS:
        assert placement.gone(server, 0.0)
        assert not placement.gone(server, 0.0), "once is enough"
    assert placement.place("run/solver_1", 0.0) is None
    pause = placement.pause(0.0)
    assert 0 < pause <= 0.25
    assert placement.place("run/solver_1", pause) is not None


def test_pauses_grow_to_a_limit() -> None:
    placement, now, pauses = Placement(SERVERS[:1]), 0.0, list[float]()
    for _ in range(12):
        placement.gone(SERVERS[0], now)
        pauses.append(placement.pause(now))
        now += pauses[-1]
    assert pauses[0] <= 0.25 < pauses[3] < pauses[6] <= 8
    assert max(pauses) <= 8


def test_without_a_session_the_idlest() -> None:
    placement = Placement(SERVERS)
    placement.begin(SERVERS[0])
    placement.begin(SERVERS[1])
    assert placement.place(None, 0.0) == SERVERS[2]
    placement.begin(SERVERS[2])
    placement.end(SERVERS[1])
    assert placement.place(None, 0.0) == SERVERS[1]
    assert placement.running == 2


def test_finished_sessions_are_counted_no_more() -> None:
    placement = Placement(SERVERS)
    homes = [placement.place(name, 0.0) for name in names(9)]
    assert [placement.finish(name) for name in names(9)] == homes
    assert placement.finish("unknown") is None
    first = placement.place("next/solver_1", 0.0)
    assert {placement.place(name, 0.0) for name in names(2, "more")} == {*SERVERS} - {first}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SESSIONS", 10)
    placement = Placement(SERVERS)
    for name in names(50):
        placement.place(name, 0.0)
    assert len(placement._homes) == 10
    assert sum(placement._sessions.values()) == 10
