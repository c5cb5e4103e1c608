"""What a path is rewarded for: small pure functions of how its team fared, by name."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev

from peerleap.training.rl.rollouts import Rollout, RolloutError

_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True)
class Read:
    """One path has read others in one LeaP block; what it would have answered before and after, by a probe."""

    reader: str
    sources: tuple[str, ...]
    before: bool
    """Whether its answer was right before."""
    after: bool

    @property
    def gain(self) -> int:
        """1 from wrong to right, -1 from right to wrong, else 0."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one team fared on one question."""

    correct: Mapping[str, bool]
    """By path: whether its own answer is right. A path that failed is missing."""
    vote: bool
    """Whether the answer of the team is right."""
    reads: Sequence[Read] = field(default_factory=tuple)
    """From the probes, where there were any."""
    length: Mapping[str, float] = field(default_factory=dict)
    """By path: the tokens that it sampled, summaries included, as a share of its budget."""
    well_formed: Mapping[str, bool] = field(default_factory=dict)
    """By path: whether it ended by itself, closed every summary itself and wrote no block of its own."""


Reward = Callable[[Outcome, str], float]


def own(outcome: Outcome, path: str) -> float:
    """1 where this path's answer is right."""
    return float(outcome.correct[path])


def team(outcome: Outcome, path: str) -> float:  # noqa: ARG001
    """1 where the vote is right, for every path of the team."""
    return float(outcome.vote)


def mix(outcome: Outcome, path: str) -> float:
    """The mean of `own` and `team`."""
    return (own(outcome, path) + team(outcome, path)) / 2


def taught(outcome: Outcome, path: str) -> float:
    """Readers of this path's summaries who went from wrong to right, minus those from right to wrong.

    A gain is divided among all paths that the reader has read in that block.
    """
    return float(sum(read.gain / len(read.sources) for read in outcome.reads if path in read.sources))


def listened(outcome: Outcome, path: str) -> float:
    """How often this path's own answer went from wrong to right as it read, minus from right to wrong."""
    return float(sum(read.gain for read in outcome.reads if read.reader == path))


def length(outcome: Outcome, path: str) -> float:
    """Minus the share of the budget that this path used up: of two right paths, the shorter one gets more."""
    return -min(1.0, outcome.length[path])


def form(outcome: Outcome, path: str) -> float:
    """-1 where this path did not end by itself, left a summary open or invented a LeaP block."""
    return outcome.well_formed[path] - 1.0


REWARDS: dict[str, Reward] = {
    "format": form, "length": length, "listened": listened, "mix": mix, "own": own, "taught": taught, "team": team,
}  # fmt: skip
PROBED = {"listened", "taught"}


def reward(names: Mapping[str, float], outcome: Outcome, *, probed: bool = True) -> dict[str, float]:
    """The weighted sum of rewards, by path.

    Args:
        names: weights of the rewards by their name, such as `{"own": 1, "taught": 0.5}`.
        outcome: how the team fared.
        probed: whether `outcome.reads` was measured.

    Raises:
        RolloutError: there is no such reward, or it needs probes.
    """
    for name in names:
        if name not in REWARDS:
            raise RolloutError(f"reward={name!r}: none of {', '.join(REWARDS)}")
        if name in PROBED and not probed:
            raise RolloutError(f"reward={name!r} needs probes before and after each LeaP block")
    return {
        path: sum(weight * REWARDS[name](outcome, path) for name, weight in names.items()) for path in outcome.correct
    }


ADVANTAGES = ("grpo", "dr_grpo")


def advantages(rows: Sequence[Rollout], group: Callable[[Rollout], str], how: str = "grpo") -> list[float]:
    """How much better each row is than its group; 0 for a row without a trained token, which counts nowhere.

    Args:
        rows: of one or more groups.
        group: names the group of a row, such as all teams of one question.
        how: `grpo` divides by the standard deviation of the group, `dr_grpo` (arXiv 2503.20783) does not, so that
            questions that are nearly always or never solved do not weigh more.

    Raises:
        RolloutError: there is no such way.
    """
    if how not in ADVANTAGES:
        raise RolloutError(f"advantages={how!r}: none of {', '.join(ADVANTAGES)}")
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        if any(row.loss_mask):
            rewards[group(row)].append(row.reward)
    found = []
    for row in rows:
        others = rewards[group(row)] if any(row.loss_mask) else [row.reward]
        better = row.reward - fmean(others)
        found.append(better if how == "dr_grpo" else better / (pstdev(others) + _LEAST_DEVIATION))
    return found
