"""What to know of results before a difference between them is believed."""

from collections.abc import Sequence

from peerleap.evals.report.comparison import Comparison
from peerleap.evals.report.results import Results
from peerleap.evals.stats import questions_needed, questions_needed_for_votes

RUNS = 4
"""Runs below which one run's luck may be all that a comparison shows."""
_MANY_FORCED = 0.25


def cautions(results: Sequence[Results]) -> list[str]:
    """Every warning about files that are compared, each a sentence without its full stop."""
    few = few_runs(results)
    return [*([few] if few else []), *short_budgets(results)]


def few_runs(results: Sequence[Results]) -> str | None:
    """A warning where the files have fewer than 4 runs in common."""
    common = set.intersection(*(set(result.runs) for result in results))
    if len(common) >= RUNS:
        return None
    runs = "1 run" if len(common) == 1 else f"{len(common)} runs"
    return f"{runs} in common: a difference may be one run's luck; run all methods with --runs {RUNS}"


def forced_share(result: Results) -> float:
    """The share of the paths that vote which ended without an answer and were asked for it; no early ends (`talk`)."""
    voters = result.voters
    forced: int = sum(path.outcome == "forced" and path.meta.get("stopped") != "agreement" for path in voters)
    return forced / len(voters)


def short_budgets(results: Sequence[Results]) -> list[str]:
    """A warning for each file in which many paths had to be asked for their answer."""
    shares = [(result.name, forced_share(result)) for result in results]
    return [
        f"{name}: {share:.0%} of the paths had no answer when budget or turn ended, and were asked for it; "
        "if it was the budget (what a path reads in LeaP blocks counts against it), give it more --max-tokens"
        for name, share in shares
        if share > _MANY_FORCED
    ]


def measured_power(comparison: Comparison, wanted: float = 0.05) -> str:
    """How many questions would show `wanted` (a share), by the spread that a comparison has measured, in words."""
    points, difference = f"{100 * wanted:g} points", comparison.difference
    parts = [f"{comparison.metric}: {difference.questions} questions compared"]
    if difference.sd > 0:
        needed = questions_needed(wanted, difference.sd)
        parts.append(f"the difference varies by {difference.sd:.2f} between them, so {needed} would show {points}")
    share = comparison.discordance
    if share:
        parts.append(
            f"{share:.0%} of them changed their vote, so {questions_needed_for_votes(wanted, share)} would show "
            f"{points} by McNemar's test"
        )
    return "; ".join(parts)
