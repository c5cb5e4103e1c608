from collections.abc import Sequence

from peerleap.evals.stats.metrics import Graded


def confidence_vote(paths: Sequence[Graded], weights: Sequence[float]) -> Graded | None:
    """A path of the answer with the largest sum of `weights`, ties to the lowest index; `None` if nobody answered."""
    groups: dict[tuple[bool, str], tuple[float, Graded]] = {}
    for path, weight in zip(paths, weights, strict=True):
        if path.vote is not None:
            total, first = groups.get(path.vote, (0.0, path))
            groups[path.vote] = (total + weight, first)
    best = max(groups.values(), key=lambda group: group[0], default=None)
    return None if best is None else best[1]
