"""Rewards and advantages by hand."""

import pytest

from peerleap.training.rl import Outcome, Read, Rollout, RolloutError, advantages, reward

# b was right and misled by a and c; c was wrong and set right by a alone.
TEAM = Outcome(
    correct={"a": True, "b": False, "c": True},
    vote=True,
    reads=[Read("b", ("a", "c"), before=True, after=False), Read("c", ("a",), before=False, after=True)],
    length={"a": 0.25, "b": 0.5, "c": 1.5},
    well_formed={"a": True, "b": True, "c": False},
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"own": 1}, {"a": 1, "b": 0, "c": 1}),
        ({"team": 1}, {"a": 1, "b": 1, "c": 1}),
        ({"mix": 1}, {"a": 1, "b": 0.5, "c": 1}),
        ({"taught": 1}, {"a": 0.5, "b": 0, "c": -0.5}),
        ({"listened": 1}, {"a": 0, "b": -1, "c": 1}),
        ({"length": 1}, {"a": -0.25, "b": -0.5, "c": -1}),
        ({"format": 1}, {"a": 0, "b": 0, "c": -1}),
        ({"own": 1, "length": 0.2, "format": 0.5}, {"a": 0.95, "b": -0.1, "c": 0.3}),
        ({"own": 1, "taught": 2}, {"a": 2, "b": 0, "c": 0}),
    ],
)
def test_rewards(names: dict[str, float], expected: dict[str, float]) -> None:
    assert reward(names, TEAM) == pytest.approx(expected)


def test_what_a_run_cannot_give_is_refused() -> None:
    with pytest.raises(
        RolloutError, match="reward='kindness': none of format, length, listened, mix, own, taught, team"
    ):
        reward({"kindness": 1}, TEAM)
    with pytest.raises(RolloutError, match="reward='taught' needs probes"):
        reward({"own": 1, "taught": 1}, TEAM, probed=False)


def row(value: float, team: str, trained: int = 1) -> Rollout:
    return Rollout([1, 2], [0, trained], [0.0, -1.0], value, team, "p", 1)


def test_advantages_are_of_the_group_and_failed_paths_count_nowhere() -> None:
    rows = [row(1, "x"), row(0, "x"), row(0, "x", trained=0), row(5, "y"), row(5, "y")]
    assert advantages(rows, lambda r: r.team, "dr_grpo") == pytest.approx([0.5, -0.5, 0, 0, 0])
    assert advantages(rows, lambda r: r.team) == pytest.approx([1, -1, 0, 0, 0], abs=1e-4)
    assert advantages(rows, lambda _: "all", "dr_grpo") == pytest.approx([-1.75, -2.75, 0, 2.25, 2.25])
    with pytest.raises(RolloutError, match="none of grpo, dr_grpo"):
        advantages(rows, lambda r: r.team, "ppo")
