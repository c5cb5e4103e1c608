from collections.abc import Callable, Mapping, Sequence
from math import log

from typing_extensions import TypedDict

from peerleap.graph.answers.own_answer import canonical
from peerleap.graph.leap_block.similarity import similarity_matrix
from peerleap.graph.settings import TaskName


class Group(TypedDict):
    """Equal answers."""

    answer: str
    """As the first of its paths wrote it."""
    paths: list[str]
    """Who gave it, in order."""
    mean_tokens: float
    """Mean of the tokens that those paths generated."""


def group_answers(answers: Mapping[str, str | None], tokens: Mapping[str, int], task: TaskName) -> list[Group]:
    """Group equal answers, in the order of their first path; paths without an answer have no vote."""
    groups: dict[str, Group] = {}
    for path, answer in answers.items():
        if answer is None:
            continue
        group = groups.setdefault(canonical(answer, task), {"answer": answer, "paths": [], "mean_tokens": 0.0})
        group["paths"].append(path)
    for group in groups.values():
        group["mean_tokens"] = sum(tokens[path] for path in group["paths"]) / len(group["paths"])
    return list(groups.values())


def majority(groups: Sequence[Group]) -> Group:
    """Most votes; of equals, the group whose first path comes first."""
    return max(groups, key=lambda group: len(group["paths"]))


def shortest_majority(groups: Sequence[Group]) -> Group:
    """Votes over the logarithm of the mean length in tokens (Zeng et al., arXiv 2502.12215); ties as in `majority`."""
    return max(groups, key=lambda group: len(group["paths"]) / log(max(group["mean_tokens"], 2.0)))


def most_similar(groups: Sequence[Group]) -> Group:
    """For free text, where few answers are equal: the one most similar to all others, each path counted."""
    texts = [canonical(group["answer"], "free") for group in groups]
    matrix = similarity_matrix(texts)
    weights = [len(group["paths"]) for group in groups]
    total = [sum(w * s for w, s in zip(weights, row, strict=True)) for row in matrix]
    return groups[max(range(len(groups)), key=lambda i: total[i])]


VOTES: dict[str, Callable[[Sequence[Group]], Group]] = {
    "majority": majority,
    "shortest_majority": shortest_majority,
}
