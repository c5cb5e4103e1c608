"""Who reasons: peers, their paths and their sampling."""

from typing import Any

import pytest
from pydantic import ValidationError

from peerleap.agents import Peer, Sampling, path_peers


@pytest.mark.parametrize("name", ["a", "solver", "geometry_2", "a" * 32])
def test_names(name: str) -> None:
    assert Peer(name=name, count=2).path_names == [f"{name}_1", f"{name}_2"]


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": "Bad Name"}, ["name", "'Bad Name'", "pattern"]),
    ({"name": ""}, ["name", "pattern"]),
    ({"name": "2nd"}, ["name", "'2nd'"]),
    ({"name": "a" * 33}, ["name", "pattern"]),
    ({"name": "é"}, ["name", "'é'"]),
    ({"name": "a\n"}, ["name", "pattern"]),
    ({}, ["name", "Field required"]),
    ({"name": "a", "count": 0}, ["count", "greater than or equal to 1", "input_value=0"]),
    ({"name": "a", "count": 1025}, ["count", "less than or equal to 1024", "input_value=1025"]),
    ({"name": "a", "count": 1.5}, ["count", "valid integer"]),
    ({"name": "a", "instructions": "x" * 4001}, ["instructions", "at most 4000 characters"]),
    ({"name": "a", "colour": "red"}, ["colour", "Extra inputs are not permitted"]),
    ({"name": "a", "sampling": {"temperature": 9}}, ["sampling.temperature", "less than or equal to 2"]),
]


@pytest.mark.parametrize(("fields", "told"), BAD)
def test_a_bad_peer_says_what_is_wrong(fields: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Peer(**fields)
    assert isinstance(caught.value, ValueError)
    assert not [part for part in told if part not in str(caught.value)]


@pytest.mark.parametrize(
    ("field", "bad", "good"),
    [
        ("temperature", [-0.1, 2.1, float("nan"), float("inf"), "hot"], [0, 0.6, 2]),
        ("top_p", [0, 1.1, float("nan")], [0.01, 1]),
        ("top_k", [-1, 1.5], [0, 40]),
        ("min_p", [-0.1, 1.1], [0, 1]),
        ("repetition_penalty", [0, 2.1], [0.5, 2]),
    ],
)
def test_sampling_is_checked(field: str, bad: list[Any], good: list[Any]) -> None:
    for value in bad:
        with pytest.raises(ValidationError, match=field):
            Sampling(**{field: value})
    for value in good:
        assert getattr(Sampling(**{field: value}), field) == value


def test_an_unknown_sampling_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_tokens"):
        Sampling(max_tokens=3)  # type: ignore[call-arg]


def test_sampling_over_another() -> None:
    base = Sampling(temperature=0.6, top_p=0.95, top_k=40)
    assert Sampling(temperature=0, min_p=0.1).over(base) == Sampling(temperature=0, top_p=0.95, top_k=40, min_p=0.1)
    assert Sampling().over(base) == base
    assert base.temperature == 0.6


def test_paths_of_a_team_in_order() -> None:
    one, two = Peer(name="b", count=2), Peer(name="a")
    assert list(path_peers([one, two]).items()) == [("b_1", one), ("b_2", one), ("a_1", two)]


@pytest.mark.parametrize(
    ("peers", "told"),
    [
        ([], "at least one peer"),
        ([Peer(name="a"), Peer(name="a")], "two peers are named 'a'"),
        ([Peer(name="a", count=2), Peer(name="b"), Peer(name="b")], "two peers are named 'b'"),
    ],
)
def test_teams_that_cannot_be(peers: list[Peer], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        path_peers(peers)


def test_two_peers_never_share_a_path() -> None:
    peers = [Peer(name="a", count=12), Peer(name="a_1", count=3), Peer(name="a_11")]
    assert len(path_peers(peers)) == 16


def test_peers_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Peer(name="a").count = 2


@pytest.mark.parametrize("name", ["prepare", "leap_block", "vote"])
def test_a_peer_may_have_the_name_of_a_node(name: str) -> None:
    from peerleap.engine import ScriptedEngine
    from peerleap.graph import build_graph

    graph = build_graph(peers=[Peer(name=name, count=2)], engine=ScriptedEngine(lambda p, s: "\\boxed{4}")).compile()
    assert graph.invoke({"question": "What is 2 + 2?"})["answer"] == "4"
