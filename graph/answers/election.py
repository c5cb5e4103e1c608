"""Who wins a vote: the one majority and the one shortest majority, for the graph and for the metrics of evals.

A class is the paths with one answer, by their numbers; classes stand in the order of their first paths. The length of
a path is the number of tokens that it wrote itself, thought and answer: its summaries are no part of its reasoning.
"""

from collections.abc import Callable, Hashable, Sequence
from math import log


def classes(answers: Sequence[Hashable | None]) -> list[list[int]]:
    """Put paths with equal answers together.

    Args:
        answers: One comparable answer for each path; `None` has no vote.

    Returns:
        The numbers of the paths of each class, in the order of their first paths.
    """
    found: dict[Hashable, list[int]] = {}
    for path, answer in enumerate(answers):
        if answer is not None:
            found.setdefault(answer, []).append(path)
    return list(found.values())


def majority(groups: Sequence[Sequence[int]], lengths: Sequence[float]) -> int:  # noqa: ARG001 - as every election
    """The class with the most votes; of equals, the one whose first path comes first.

    Args:
        groups: What `classes` returns, not empty.
        lengths: Own tokens of each path; not read.

    Returns:
        The number of the class.
    """
    return max(range(len(groups)), key=lambda group: len(groups[group]))


def shortest_majority(groups: Sequence[Sequence[int]], lengths: Sequence[float]) -> int:
    """The class with the most votes over the logarithm of its mean length (Zeng et al., arXiv 2502.12215).

    Args:
        groups: What `classes` returns, not empty.
        lengths: Own tokens of each path.

    Returns:
        The number of the class; of equals, the one with more votes, then the one whose first path comes first.
    """

    def score(group: int) -> tuple[float, int]:
        votes = len(groups[group])
        mean = sum(lengths[path] for path in groups[group]) / votes
        return votes / log(max(mean, 2.0)), votes

    return max(range(len(groups)), key=score)


ELECTIONS: dict[str, Callable[[Sequence[Sequence[int]], Sequence[float]], int]] = {
    "majority": majority,
    "shortest_majority": shortest_majority,
}
