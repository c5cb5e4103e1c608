"""Methods side by side at equal cost, with paired statistics over the same questions.

Only independent paths can be cut off one by one, so they are: each question keeps the first paths that the other
method's tokens pay for, and what is left goes on to the next question. One comparison is primary and declared; all
others are exploratory, and are called so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from peerleap.evals.records import RecordsError
from peerleap.evals.report.costs import COSTS, first_paths
from peerleap.evals.report.results import Results
from peerleap.evals.report.votes import RECORD_METRICS, WIDTHLESS
from peerleap.evals.stats import Difference, McNemar, mcnemar, paired_difference

LEVEL = 0.05
TESTS = ("sign-flip", "mcnemar")
FIRST = "first N paths"
"""The cost of a mean over paths: more paths make it no better, so those that a budget has added are left out."""
_VOTED = {"cons@n", "shortest@n", "any@n", "conf@n", "verified@n"}
_LEAST_P = 0.0002


@dataclass(frozen=True, slots=True)
class Comparison:
    """`new` minus `old` in one metric at one kind of cost; tokens are what each spent on the compared paths."""

    new: str
    old: str
    metric: str
    cost: str
    difference: Difference
    votes: McNemar | None
    new_value: float
    old_value: float
    new_tokens: int
    old_tokens: int
    primary: bool
    note: str = ""
    pooled: bool = False
    """Whether `votes` are of all runs of a question together: a mean over runs is no vote."""

    test: str = "sign-flip"
    """The test that decides, if the comparison is primary."""

    @property
    def p(self) -> float:
        """Two-sided p of the declared test."""
        return self.votes.p if self.test == "mcnemar" and self.votes is not None else self.difference.p

    @property
    def discordance(self) -> float | None:
        """The share of questions whose vote only one of the two has right."""
        return None if self.votes is None else (self.votes.gained + self.votes.lost) / self.difference.questions

    @property
    def at(self) -> str:
        """The kind of cost, and what is unequal about it."""
        return f"{self.cost} ({self.note})" if self.note else self.cost

    @property
    def won_lost(self) -> str:
        """Questions that `new` alone won and lost, with McNemar's p; "-" where nothing was voted on."""
        if self.votes is None:
            return "-"
        counts = f"+{self.votes.gained} -{self.votes.lost}, p = {self.votes.p:.3g}"
        return f"{counts} (runs vote together)" if self.pooled else counts

    @property
    def points(self) -> str:
        """The difference in points with its 95 % interval, and p."""
        d = self.difference
        # The least p that 10,000 random signs can give says only that none of them reached the difference.
        least = self.test == "sign-flip" and not d.exact and self.p < _LEAST_P
        p = f"p < {_LEAST_P}" if least else f"p = {self.p:.3g}"
        return f"{100 * d.value:+.1f} points [{100 * d.low:+.1f}, {100 * d.high:+.1f}], {p}"

    @property
    def spread(self) -> str:
        """Standard error and bootstrap interval, in points."""
        d = self.difference
        return f"{100 * d.se:.1f}, [{100 * d.bootstrap_low:+.1f}, {100 * d.bootstrap_high:+.1f}]"

    @property
    def sentence(self) -> str:
        """What may be claimed; nothing is shown unless the test says so."""
        if self.p >= LEVEL:
            return f"no difference shown ({self.points})"
        better, worse = (self.new, self.old) if self.difference.value > 0 else (self.old, self.new)
        return f"{better} is better than {worse} ({self.points})"


def compare(results: Sequence[Results], primary: str = "cons@n", test: str = "sign-flip") -> list[Comparison]:
    """Compare every other method with the baseline: the first `independent` file, else the first.

    Args:
        results: The files.
        primary: The metric of the one declared comparison: the first other file, at equal tokens.
        test: The test that decides it, one of `TESTS`.

    Returns:
        The comparisons, the primary one first.

    Raises:
        RecordsError: Fewer than two files, other questions, or no question's run in common.
        ValueError: An unknown metric or test, or McNemar's for a metric without votes.
    """
    if test not in TESTS:
        raise ValueError(f"primary test {test!r} is not one of {', '.join(TESTS)}")
    if test == "mcnemar" and primary not in _VOTED:
        raise ValueError(f"primary test 'mcnemar': {primary!r} is no vote; {', '.join(sorted(_VOTED))} are")
    if primary not in RECORD_METRICS:
        raise ValueError(f"primary={primary!r} is not one of {', '.join(RECORD_METRICS)}")
    if len(results) < 2:
        raise RecordsError(f"{len(results)} result file: a comparison needs at least 2")
    first = results[0]
    for other in results[1:]:
        check_same(other, first.config, str(first.file), ("data", "model", "model_hash", "grader"))
    old = next((r for r in results if r.config["method"] == "independent"), first)
    compared = []
    for number, new in enumerate(r for r in results if r is not old):
        # The vote that `deepconf` is about; without confidences it is the majority.
        own = ["conf@n"] if "deepconf" in {new.config["method"], old.config["method"]} else []
        metrics = list(dict.fromkeys([primary, "pass@1", "cons@n", *own]))
        for metric in metrics:
            means = metric in WIDTHLESS
            for cost, matched in {FIRST: first_paths}.items() if means else COSTS.items():
                mine, theirs, note = matched(new, old)
                is_primary = number == 0 and metric == primary and cost in {FIRST, "equal tokens"}
                row = _paired(mine, theirs, metric, cost, note, is_primary)
                compared.append(replace(row, test=test) if is_primary else row)
    return sorted(compared, key=lambda comparison: not comparison.primary)


def check_same(result: Results, config: Mapping[str, Any], named: str, fields: Sequence[str]) -> None:
    """Refuse a file that has another of these than the configuration `config`, which `named` names.

    Raises:
        RecordsError: says what differs.
    """
    for field in fields:
        if result.config.get(field) != config.get(field):
            raise RecordsError(
                f"{result.file}: {field}={result.config.get(field)!r}, but {named} has {config.get(field)!r}: only "
                f"the same questions, model and grader can be compared"
            )


def _paired(new: Results, old: Results, metric: str, cost: str, note: str, primary: bool) -> Comparison:
    mine, theirs = new.by_question(metric), old.by_question(metric)
    pooled = len(new.paths) > len(mine)
    votes = None
    if metric in _VOTED:
        votes = mcnemar(new.elections(metric), old.elections(metric))
    return Comparison(
        new=new.name,
        old=old.name,
        metric=metric,
        cost=cost,
        difference=paired_difference(mine, theirs),
        votes=votes,
        new_value=sum(mine.values()) / len(mine),
        old_value=sum(theirs.values()) / len(theirs),
        new_tokens=new.tokens.generated,
        old_tokens=old.tokens.generated,
        primary=primary,
        note=note,
        pooled=pooled,
    )
