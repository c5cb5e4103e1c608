"""How far two raters agree: the share of equal labels, and Cohen's kappa."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from peerleap.evals.stats.estimates import Estimate, clustered, wilson

_DRAWS = 2000
_LEAST_QUESTIONS = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters' labels of the same things."""

    pairs: int
    share: Estimate
    """Share of equal labels; the mean over questions, with its interval over them."""
    kappa: float | None
    """Agreement beyond chance, over all pairs: 1 is complete, 0 is chance; `None` where one label is all there is."""
    low: float
    """95 % percentile interval of kappa over resampled questions; NaN below three questions."""
    high: float


def agreement(pairs: Mapping[str, Sequence[tuple[str, str]]]) -> Agreement:
    """Compare two raters.

    Args:
        pairs: By question, both labels of each thing.

    Raises:
        ValueError: no pair.
    """
    groups = [list(of) for of in pairs.values() if of]
    flat = [pair for of in groups for pair in of]
    if not flat:
        raise ValueError("pairs: there is none, so there is nothing to agree on")
    means = [sum(a == b for a, b in of) / len(of) for of in groups]
    share = wilson(sum(means), len(means)) if len(set(means)) < 2 else clustered(means)
    low = high = float("nan")
    if len(groups) >= _LEAST_QUESTIONS:
        random = np.random.default_rng(0)
        draws = [
            value
            for picked in random.integers(len(groups), size=(_DRAWS, len(groups)))
            if (value := cohen_kappa([pair for n in picked for pair in groups[n]])) is not None
        ]
        if draws:
            low, high = (float(bound) for bound in np.quantile(draws, [0.025, 0.975]))
    return Agreement(len(flat), share, cohen_kappa(flat), low, high)


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa, `(p_o - p_e) / (1 - p_e)`; `None` where chance alone would always agree."""
    size = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[label] * second[label] for label in first) / size**2
    if chance == 1:
        return None
    observed = sum(a == b for a, b in pairs) / size
    return (observed - chance) / (1 - chance)
