"""Two methods at equal cost, each cut to what the other spent where its paths can be cut off one by one."""

from collections.abc import Callable

from peerleap.evals.methods import GROWING
from peerleap.evals.records import RecordsError
from peerleap.evals.report.results import Results
from peerleap.evals.stats import Tokens

_SHORT = 0.95


def equal_tokens(new: Results, old: Results) -> tuple[Results, Results, str]:
    """Both with the generated tokens of the one that spent less, question by question, where paths can be cut off."""
    new, old = _common(new, old)
    mine = _cut(new, {key: float(old.generated(key)) for key in old.paths})
    theirs = _cut(old, {key: float(new.generated(key)) for key in new.paths})
    return mine, theirs, _unequal(mine, theirs, "tokens")


def equal_compute(new: Results, old: Results) -> tuple[Results, Results, str]:
    """As `equal_tokens`, with every token that went through the model: generated, and prompts not in the cache."""
    new, old = _common(new, old)
    mine = _cut(new, {key: float(old.computed(key)) for key in old.paths}, _computed)
    theirs = _cut(old, {key: float(new.computed(key)) for key in new.paths}, _computed)
    return mine, theirs, _unequal(mine, theirs, "computed tokens", _computed)


def first_paths(new: Results, old: Results) -> tuple[Results, Results, str]:
    """Both with the first N paths, where a budget has added more."""
    new, old = _common(new, old)
    mine, theirs = (side.first(side.width) if side.width else side for side in (new, old))
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
    "equal compute": equal_compute,
    "equal wall-clock": equal_time,
    "as run": as_run,
    "pooled runs": pooled_runs,
}


def _common(new: Results, old: Results) -> tuple[Results, Results]:
    keys = set(new.paths) & set(old.paths)
    if len({question for question, _ in keys}) < 2:
        raise RecordsError(f"{new.file} and {old.file}: fewer than 2 questions of the same run are done in both")
    return new.only(keys), old.only(keys)


def _generated(tokens: Tokens) -> int:
    return tokens.generated


def _computed(tokens: Tokens) -> int:
    return tokens.computed


def _cut(mine: Results, budgets: dict[tuple[str, int], float], spent: Callable[[Tokens], int] = _generated) -> Results:
    return mine.within(budgets, spent) if mine.config["method"] in GROWING else mine


def _unequal(new: Results, old: Results, what: str, spent: Callable[[Tokens], int] = _generated) -> str:
    mine, theirs = spent(new.tokens), spent(old.tokens)
    if min(mine, theirs) >= _SHORT * max(mine, theirs):
        return ""
    return f"unequal: {mine / max(1, theirs):.2f} times the {what}"
