"""Which paths changed their answer from one run to another."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from peerleap.graph.answers import canonical


class Change(NamedTuple):
    """A path's answers in the two runs; `None` where it has none."""

    before: str | None
    after: str | None


class Comparison(TypedDict):
    """What differs between two runs of one question."""

    answer: Change | None
    """The answers that won the votes, if they differ."""
    changed: dict[str, Change]
    """By path, the answers that differ."""
    same: list[str]
    """Paths with the same answer."""
    missing: list[str]
    """Paths that only one run has."""


def compare(run_a: Mapping[str, Any], run_b: Mapping[str, Any]) -> Comparison:
    """Compare the answers of two runs of one question, such as a run and its fork.

    Args:
        run_a: a finished run: the graph's output, or what `read_run` returns.
        run_b: the other run.

    Raises:
        ValueError: a run has not ended, so it has no answers yet.
    """
    for name, run in (("run_a", run_a), ("run_b", run_b)):
        if not run.get("paths"):
            raise ValueError(f"{name}: the run has not ended, so its paths have no answers yet; resume it first")
    task = run_a.get("task", "math")

    def form(answer: str | None) -> str | None:
        return None if answer is None else canonical(answer, task)

    a, b = run_a["paths"], run_b["paths"]
    both = [name for name in a if name in b]
    changes = {name: Change(a[name]["answer"], b[name]["answer"]) for name in both}
    changed = {name: change for name, change in changes.items() if form(change.before) != form(change.after)}
    vote = Change(run_a["answer"], run_b["answer"])
    return Comparison(
        answer=vote if form(vote.before) != form(vote.after) else None,
        changed=changed,
        same=[name for name in both if name not in changed],
        missing=sorted(set(a) ^ set(b)),
    )
