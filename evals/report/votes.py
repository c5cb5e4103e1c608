"""Metrics of one question's records: those of its answers, and those that need more of a record than its answer."""

from collections.abc import Callable, Sequence

from peerleap.evals.records import PathRecord
from peerleap.evals.stats import METRICS, Graded, confidence_vote, majority, shortest_majority


def conf_at_n(paths: Sequence[PathRecord]) -> float:
    """1.0 if the vote of the surest paths, weighted by confidence, is right; paths without one weigh the same."""
    weights = [float(path.meta.get("confidence", 1.0)) for path in paths]
    winner = confidence_vote([path.graded for path in paths], weights, float(paths[0].meta.get("keep", 100)))
    return float(winner is not None and winner.correct)


def _over_records(metric: Callable[[Sequence[Graded]], float]) -> Callable[[Sequence[PathRecord]], float]:
    return lambda paths: metric([path.graded for path in paths])


def verified_at_n(paths: Sequence[PathRecord]) -> float:
    """Cons@N among the paths whose answer a tool has printed; among all, where there is none."""
    checked = [path for path in paths if path.meta.get("checked")]
    return METRICS["cons@n"]([path.graded for path in checked or paths])


# As `METRICS`, over records.
RECORD_METRICS: dict[str, Callable[[Sequence[PathRecord]], float]] = {
    **{name: _over_records(metric) for name, metric in METRICS.items()},
    "conf@n": conf_at_n,
    "verified@n": verified_at_n,
}
WIDTHLESS = frozenset({"pass@1", "no_answer"})
"""Means over paths: more paths make them no better."""


def elected_right(metric: str, paths: Sequence[PathRecord]) -> bool:
    """Whether a vote elected the right answer, ties to the first path: what McNemar's test counts."""
    graded = [path.graded for path in paths]
    if metric == "cons@n":
        winner = majority(graded)
    elif metric == "shortest@n":
        winner = shortest_majority(graded)
    elif metric == "verified@n":
        winner = majority([path.graded for path in paths if path.meta.get("checked")] or graded)
    else:
        return RECORD_METRICS[metric](paths) == 1.0
    return winner is not None and winner.correct
