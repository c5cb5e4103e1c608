"""How sure a model was of a path: DeepConf's measures over token confidences (arXiv 2508.15260, section 3.1).

A token's confidence is minus the mean log-probability of the 20 most likely tokens at its place; a group's is the mean
over a window of tokens. All are at least 0, and larger is surer.
"""

from collections.abc import Sequence

import numpy as np

from peerleap.evals.methods.base import PathResult
from peerleap.graph.history import OWN

MEASURES = ("bottom", "tail", "mean", "lowest")
_BOTTOM = 0.1


def token_confidences(path: PathResult) -> list[float]:
    """The confidence of each token that the path wrote itself, in order; empty where the engine reported none."""
    own = (segment for segment in path.history if segment["kind"] in OWN)
    return [value for segment in own for value in segment.get("confidences", ())]


def group_confidences(tokens: Sequence[float], window: int) -> list[float]:
    """The mean of every run of `window` tokens; of all tokens, where they are fewer."""
    if not tokens:
        return []
    size = min(window, len(tokens))
    sums = np.cumsum([0.0, *tokens])
    return [float(value) for value in (sums[size:] - sums[:-size]) / size]


def measures(tokens: Sequence[float], window: int) -> dict[str, float]:
    """Sum a path's token confidences up.

    Args:
        tokens: One confidence a token.
        window: Tokens of a group, and of the tail.

    Returns:
        `mean` over all tokens, `bottom` over the least sure 10 % of the groups, `lowest` of the groups, and `tail` over
        the last tokens; 0.0 without any token.
    """
    if not tokens:
        return dict.fromkeys(MEASURES, 0.0)
    groups = sorted(group_confidences(tokens, window))
    least = groups[: max(1, int(_BOTTOM * len(groups)))]
    tail = tokens[-window:]
    return {
        "bottom": sum(least) / len(least),
        "tail": sum(tail) / len(tail),
        "mean": sum(tokens) / len(tokens),
        "lowest": groups[0],
    }


def threshold(values: Sequence[float], keep: int) -> float:
    """The value that the surest `keep` percent of paths reach."""
    return float(np.percentile(values, 100 - keep))
