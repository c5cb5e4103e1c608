import math

import numpy as np
import pytest

from peerleap.evals.stats import cluster_bootstrap, clustered, question_means, wilson
from peerleap.evals.stats.estimates import t_quantile


def test_clustered_error_is_of_questions_not_paths() -> None:
    generator = np.random.default_rng(1)
    difficulty = generator.beta(0.45, 0.40, size=30)
    paths = [generator.binomial(1, p, size=32).tolist() for p in difficulty]
    estimate = clustered(question_means(paths))
    flat = np.concatenate(paths)
    naive = float(flat.std(ddof=1)) / math.sqrt(flat.size)
    assert estimate.value == pytest.approx(float(flat.mean()))
    assert (estimate.n, round(naive, 3)) == (30, 0.016)
    assert 3.5 < estimate.se / naive < 4.8


@pytest.mark.parametrize("questions", [10, 30])
def test_the_intervals_cover_the_truth(questions: int) -> None:
    generator = np.random.default_rng(2)
    truth, trials = 0.45 / 0.85, 400
    hits = {"t": 0, "bootstrap": 0, "naive": 0}
    for trial in range(trials):
        difficulty = generator.beta(0.45, 0.40, size=questions)
        means = generator.binomial(32, difficulty) / 32
        t, drawn = clustered(means), cluster_bootstrap(means, draws=400, seed=trial)
        naive = 1.96 * math.sqrt(t.value * (1 - t.value) / (32 * questions))
        hits["t"] += t.low <= truth <= t.high
        hits["bootstrap"] += drawn.low <= truth <= drawn.high
        hits["naive"] += abs(t.value - truth) <= naive
    assert 0.92 <= hits["t"] / trials <= 0.985
    assert 0.87 <= hits["bootstrap"] / trials <= 0.97
    assert hits["naive"] / trials < 0.60


def test_the_bootstrap_is_seeded() -> None:
    means = [0.0, 0.5, 1.0, 0.25]
    assert cluster_bootstrap(means, seed=3) == cluster_bootstrap(means, seed=3)
    assert cluster_bootstrap(means, seed=3) != cluster_bootstrap(means, seed=4)


def test_wilson_against_published_values() -> None:
    estimate = wilson(24, 30)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (0.6269, 0.9049)
    none = wilson(0, 10)
    assert (none.low, round(none.high, 4)) == (0.0, 0.2775)
    assert wilson(10, 10).high == 1.0
    with pytest.raises(ValueError, match="right=4 of questions=3"):
        wilson(4, 3)


@pytest.mark.parametrize(
    ("freedom", "table"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (9, 2.262), (29, 2.045)]
)
def test_t_quantiles_against_the_table(freedom: int, table: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(table, abs=0.004)


def test_unusable_data_is_refused() -> None:
    with pytest.raises(ValueError, match="one without values"):
        question_means([[1.0], []])
    with pytest.raises(ValueError, match="one finite number"):
        clustered([float("nan")])
    with pytest.raises(ValueError, match="level=95"):
        clustered([0.5, 0.6], level=95)
    assert math.isnan(clustered([0.5]).se)
