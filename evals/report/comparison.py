"""Methods side by side at equal cost, with paired statistics over the same questions.

Only independent paths can be cut off one by one, so they are: each question keeps the first paths that the other
method's tokens pay for, and what is left goes on to the next question. One comparison is primary and declared; all
others are exploratory, and are called so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerleap.evals.methods import GROWING
from peerleap.evals.records import RecordsError
from peerleap.evals.report.results import RECORD_METRICS, Results
from peerleap.evals.stats import Difference, McNemar, mcnemar, paired_difference

LEVEL = 0.05
_VOTED = {"cons@n", "shortest@n", "any@n", "conf@n"}
_SHORT = 0.95


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

    @property
    def p(self) -> float:
        """Sign-flip p, two-sided."""
        return self.difference.p

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
        return f"{100 * d.value:+.1f} points [{100 * d.low:+.1f}, {100 * d.high:+.1f}], p = {d.p:.3g}"

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


def compare(results: Sequence[Results], primary: str = "cons@n") -> list[Comparison]:
    """Every other method against the baseline: the first `independent` file, else the first.

    The primary comparison is the first of the others, in the metric `primary`, at equal tokens.

    Raises:
        RecordsError: fewer than two files, other questions, or no question's run in common.
        ValueError: an unknown metric.
    """
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
        for cost, matched in COSTS.items():
            mine, theirs, note = matched(new, old)
            for metric in metrics if cost != "pooled runs" else [m for m in metrics if m != "pass@1"]:
                is_primary = number == 0 and metric == primary and cost == "equal tokens"
                compared.append(_paired(mine, theirs, metric, cost, note, is_primary))
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


def equal_tokens(new: Results, old: Results) -> tuple[Results, Results, str]:
    """Both with the generated tokens of the one that spent less, question by question, where paths can be cut off."""
    new, old = _common(new, old)
    mine = _cut(new, {key: float(old.generated(key)) for key in old.paths})
    theirs = _cut(old, {key: float(new.generated(key)) for key in new.paths})
    return mine, theirs, _unequal(mine, theirs, "tokens")


def equal_time(new: Results, old: Results) -> tuple[Results, Results, str]:
    """Both with the wall-clock of the faster one, a part of the paths taken to need that part of the time."""
    new, old = _common(new, old)
    if not new.seconds or not old.seconds:
        return new, old, "no times recorded"
    rate = new.seconds / old.seconds
    cut_new = _cut(new, {key: new.generated(key) / rate for key in new.paths}) if rate > 1 else new
    cut_old = _cut(old, {key: old.generated(key) * rate for key in old.paths}) if rate < 1 else old
    seconds = [part.seconds * part.tokens.generated / max(1, whole.tokens.generated)
               for part, whole in ((cut_new, new), (cut_old, old))]  # fmt: skip
    even = min(seconds) >= _SHORT * max(seconds)
    return cut_new, cut_old, "" if even else f"unequal: {_seconds(seconds[0])} against {_seconds(seconds[1])}"


def as_run(new: Results, old: Results) -> tuple[Results, Results, str]:
    """Both as they are."""
    new, old = _common(new, old)
    return new, old, _unequal(new, old, "tokens")


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"


def pooled_runs(new: Results, old: Results) -> tuple[Results, Results, str]:
    """M runs of width N against M x N paths, at equal tokens: all runs of a question vote together."""
    mine, theirs, note = equal_tokens(*_common(new, old))
    return mine.pooled(), theirs.pooled(), note


COSTS: dict[str, Callable[[Results, Results], tuple[Results, Results, str]]] = {
    "equal tokens": equal_tokens,
    "equal wall-clock": equal_time,
    "as run": as_run,
    "pooled runs": pooled_runs,
}


def _common(new: Results, old: Results) -> tuple[Results, Results]:
    keys = set(new.paths) & set(old.paths)
    if len({question for question, _ in keys}) < 2:
        raise RecordsError(f"{new.file} and {old.file}: fewer than 2 questions of the same run are done in both")
    return new.only(keys), old.only(keys)


def _cut(mine: Results, budgets: dict[tuple[str, int], float]) -> Results:
    return mine.within(budgets) if mine.config["method"] in GROWING else mine


def _unequal(new: Results, old: Results, what: str) -> str:
    mine, theirs = new.tokens.generated, old.tokens.generated
    if min(mine, theirs) >= _SHORT * max(mine, theirs):
        return ""
    return f"unequal: {mine / max(1, theirs):.2f} times the {what}"


def _paired(new: Results, old: Results, metric: str, cost: str, note: str, primary: bool) -> Comparison:
    mine, theirs = new.by_question(metric), old.by_question(metric)
    pooled = len(new.paths) > len(mine)
    votes = None
    if metric in _VOTED:
        ours, others = ((side.pooled() if pooled else side).by_question(metric) for side in (new, old))
        votes = mcnemar({q: v == 1.0 for q, v in ours.items()}, {q: v == 1.0 for q, v in others.items()})
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
