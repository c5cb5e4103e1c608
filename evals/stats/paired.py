"""Is one method better than another, on the same questions? Paired tests, per question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np

from peerleap.evals.stats.estimates import Floats, cluster_bootstrap, t_quantile

EXACT_QUESTIONS = 20
LEAST_P = 0.0002
"""Of 10,000 random signs, none reached a difference whose p is below this."""
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """New minus old over the questions: mean, clustered error, t and bootstrap intervals, sign-flip p (two-sided)."""

    value: float
    se: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    p: float
    exact: bool
    sd: float
    questions: int

    @property
    def p_text(self) -> str:
        """`p = 0.03`; below the least p that random signs can give, only that it is below."""
        return f"p < {LEAST_P}" if not self.exact and self.p < LEAST_P else f"p = {self.p:.3g}"


@dataclass(frozen=True, slots=True)
class McNemar:
    """Questions that only the new or only the old method has right, and the exact two-sided p."""

    gained: int
    lost: int
    p: float


def paired_difference(
    new: Mapping[str, float], old: Mapping[str, float], *, level: float = 0.95, seed: int = 0, draws: int = 10_000
) -> Difference:
    """Compare two methods by their value (such as Pass@1 over all runs) on each question id; the ids must agree."""
    if new.keys() != old.keys():
        alone = sorted(new.keys() ^ old.keys())
        raise ValueError(
            f"question {alone[0]!r} and {len(alone) - 1} more are in one method only: paired tests need the same ones"
        )
    data = np.array([new[question] - old[question] for question in sorted(new)])
    if len(data) < 2:
        raise ValueError(f"{len(data)} question: a comparison needs at least 2")
    sd = float(data.std(ddof=1))
    se = sd / sqrt(len(data))
    half = t_quantile((1 + level) / 2, len(data) - 1) * se
    drawn = cluster_bootstrap(data, level=level, seed=seed, draws=draws)
    p, exact = sign_flip(data, seed=seed, draws=draws)
    value = float(data.mean())
    return Difference(
        value=value,
        se=se,
        low=value - half,
        high=value + half,
        bootstrap_low=drawn.low,
        bootstrap_high=drawn.high,
        p=p,
        exact=exact,
        sd=sd,
        questions=len(data),
    )


def sign_flip(differences: Sequence[float] | Floats, *, seed: int = 0, draws: int = 10_000) -> tuple[float, bool]:
    """Two-sided p of the mean under random signs, and whether it is exact (up to 20 questions that differ at all)."""
    data = np.asarray(differences, dtype=np.float64)
    # A zero difference has no sign to flip: leaving it out changes no sum.
    data = data[np.abs(data) > _CLOSE]
    if len(data) == 0:
        return 1.0, True
    seen = abs(float(data.sum())) - _CLOSE
    if len(data) <= EXACT_QUESTIONS:
        sums = np.zeros(1)
        for difference in data:
            sums = np.concatenate([sums + difference, sums - difference])
        return float(np.mean(np.abs(sums) >= seen)), True
    generator = np.random.default_rng(seed)
    signs = generator.integers(0, 2, size=(draws, len(data)), dtype=np.int8) * 2 - 1
    reached = int(np.sum(np.abs(signs @ data) >= seen))
    # The observed signs are one of the draws, so that p is never 0 and the test keeps its level.
    return (reached + 1) / (draws + 1), False


def mcnemar(new: Mapping[str, bool], old: Mapping[str, bool]) -> McNemar:
    """Exact McNemar test on right and wrong per question (Cons@N)."""
    if new.keys() != old.keys():
        alone = sorted(new.keys() ^ old.keys())
        raise ValueError(
            f"question {alone[0]!r} and {len(alone) - 1} more are in one method only: paired tests need the same ones"
        )
    gained = sum(new[question] and not old[question] for question in new)
    lost = sum(old[question] and not new[question] for question in new)
    changed = gained + lost
    tail = sum(comb(changed, k) for k in range(min(gained, lost) + 1))
    return McNemar(gained, lost, min(1.0, 2 * tail / 2**changed))
