"""What one question's paths are worth: pure functions of right and wrong, answers and lengths.

Paths of one question are never independent measurements, least of all LeaP's, which talk to each other: average over
the question's paths here, and take errors over questions in `stats.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from math import comb
from typing import Self

import numpy as np

from peerleap.evals.grading import Verdict
from peerleap.graph import TaskName
from peerleap.graph.answers import ELECTIONS, canonical, classes

_TASKS: dict[str, TaskName] = {"choice": "choice", "text": "free"}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a path by who wrote or read them; `cached` is the part of `prefill` that the prefix cache answered."""

    own: int = 0
    summary: int = 0
    inserted: int = 0
    prefill: int = 0
    cached: int = 0
    probe: int = 0
    """Answers that the path was asked for beside its history (`talk`)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"{field.name}={getattr(self, field.name)!r}: a number of tokens is not negative")
        if self.cached > self.prefill:
            raise ValueError(f"cached={self.cached!r} is more than prefill={self.prefill!r}")

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def generated(self) -> int:
        """What was decoded one by one: the cost of a path in time."""
        return self.own + self.summary + self.probe

    @property
    def computed(self) -> int:
        """Every token that went through the model and did not come from the cache: the cost in compute."""
        return self.generated + self.prefill - self.cached


@dataclass(frozen=True, slots=True)
class Graded:
    """One path as the metrics see it: its answer in a comparable form, whether it is right, what it cost."""

    answer: str | None
    correct: bool
    tokens: Tokens = Tokens()
    aha: Mapping[str, int] | None = None

    @property
    def vote(self) -> tuple[bool, str] | None:
        """The class of answers that the path votes for: all right ones are the same answer, however written."""
        if self.answer is None:
            return None
        return (True, "") if self.correct else (False, self.answer)


def ballot(verdict: Verdict, kind: str) -> str | None:
    """The answer as it is voted on: spellings of the same answer are equal.

    Right answers need no common form: `Graded.vote` puts them into one class, since they all equal the gold answer.

    Args:
        verdict: What the grader read.
        kind: The kind of the gold answer, one of `KINDS`.

    Returns:
        The comparable form; `None` where the path does not vote.
    """
    return None if verdict.extracted is None else _form(verdict.extracted, _TASKS.get(kind, "math"))


@lru_cache(maxsize=65_536)
def _form(answer: str, task: TaskName) -> str:
    return canonical(answer, task)


def pass_at_k(correct: int, paths: int, k: int) -> float:
    """The chance that one of `k` paths drawn without replacement is right: `1 - C(n-c, k) / C(n, k)`, unbiased."""
    if not 0 <= correct <= paths or not 1 <= k <= paths:
        raise ValueError(
            f"correct={correct!r}, paths={paths!r}, k={k!r}: 0 <= correct <= paths and 1 <= k <= paths are needed"
        )
    return 1.0 - comb(paths - correct, k) / comb(paths, k)


def pass_at_1(paths: Sequence[Graded]) -> float:
    """The share of right paths; a path without an answer is wrong."""
    return sum(path.correct for path in paths) / len(paths)


def any_at_n(paths: Sequence[Graded]) -> float:
    """1.0 if any path is right: what a perfect choice among them could reach."""
    return float(any(path.correct for path in paths))


def no_answer(paths: Sequence[Graded]) -> float:
    """The share of paths that gave no answer."""
    return sum(path.answer is None for path in paths) / len(paths)


def majority(paths: Sequence[Graded]) -> Graded | None:
    """A path with the most frequent answer, ties to the lowest path index; None if no path answered."""
    return _elected(paths, "majority")


def shortest_majority(paths: Sequence[Graded]) -> Graded | None:
    """A path of the class with the largest `votes / log(mean own tokens)` (Zeng et al. 2502.12215), ties as `majority`.

    A tie in the score goes to more votes, then to the lowest path index.
    """
    return _elected(paths, "shortest_majority")


def confidence_vote(paths: Sequence[Graded], weights: Sequence[float], keep: float = 100) -> Graded | None:
    """A path with the answer whose `weights` sum to the most, ties to the lowest index.

    Args:
        paths: One question's paths.
        weights: What each path's vote counts, as many as there are paths.
        keep: Percent of the paths that vote, those with the largest weights.

    Returns:
        The path, or `None` if no path answered.
    """
    groups: dict[tuple[bool, str], tuple[float, Graded]] = {}
    voters = [weight for path, weight in zip(paths, weights, strict=True) if path.vote is not None]
    least = float(np.percentile(voters, 100 - keep)) if voters else 0.0
    for path, weight in zip(paths, weights, strict=True):
        if path.vote is not None and weight >= least:
            total, first = groups.get(path.vote, (0.0, path))
            groups[path.vote] = (total + weight, first)
    best = max(groups.values(), key=lambda group: group[0], default=None)
    return None if best is None else best[1]


def cons_at_n(paths: Sequence[Graded]) -> float:
    """1.0 if the majority answer is right, and of tied answers the share that is; no votes at all is wrong."""
    return _right_share(paths, "majority")


def shortest_at_n(paths: Sequence[Graded]) -> float:
    """1.0 if the shortest-majority answer is right, and of tied answers the share that is."""
    return _right_share(paths, "shortest_majority")


METRICS: dict[str, Callable[[Sequence[Graded]], float]] = {
    "pass@1": pass_at_1,
    "cons@n": cons_at_n,
    "shortest@n": shortest_at_n,
    "any@n": any_at_n,
    "no_answer": no_answer,
}


def question_metrics(paths: Sequence[Graded], ks: Sequence[int] = ()) -> dict[str, float]:
    """Every metric of one question's paths of one run, tokens as means a path; `ks` adds `pass@k` for each k."""
    if not paths:
        raise ValueError("paths=[]: a question without paths has no metrics")
    values = {name: metric(paths) for name, metric in METRICS.items()}
    right = sum(path.correct for path in paths)
    values |= {f"pass@{k}": pass_at_k(right, len(paths), k) for k in ks if k != 1}
    for field in fields(Tokens):
        values[f"tokens_{field.name}"] = sum(getattr(path.tokens, field.name) for path in paths) / len(paths)
    counted = [path.aha for path in paths if path.aha is not None]
    for name in sorted({name for counts in counted for name in counts}):
        values[f"aha_{name}"] = sum(counts.get(name, 0) for counts in counted) / len(counted)
    return values


def _elected(paths: Sequence[Graded], election: str) -> Graded | None:
    groups = classes([path.vote for path in paths])
    return paths[groups[ELECTIONS[election](groups, [path.tokens.own for path in paths])][0]] if groups else None


def _right_share(paths: Sequence[Graded], election: str) -> float:
    """The share of the tied winners that is right: what the vote is worth, whichever way a tie is broken."""
    groups, lengths = classes([path.vote for path in paths]), [path.tokens.own for path in paths]
    elect = ELECTIONS[election]
    # Of equals the first wins: a class that wins from the first place is among them.
    firsts = [[group, *(other for other in groups if other is not group)] for group in groups]
    winners = [paths[order[0][0]].correct for order in firsts if elect(order, lengths) == 0]
    return sum(winners) / len(winners) if winners else 0.0
