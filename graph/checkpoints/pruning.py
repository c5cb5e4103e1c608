"""Which checkpoints can be deleted without harm to others.

A checkpoint stores only what is new in a history, so a state is read from all of its ancestors.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Stored(NamedTuple):
    """What is known of a stored checkpoint without deserializing it."""

    thread_id: str
    namespace: str
    checkpoint_id: str
    """Those written later sort after those written earlier."""
    parent_id: str | None
    run_id: str | None
    """Of the server's run that wrote it, if a server did."""


def only_of_runs(stored: Collection[Stored], runs: Collection[str]) -> list[Stored]:
    """The checkpoints of these runs, but for those that a checkpoint of another run comes from."""
    needed = _ancestry(stored, (one for one in stored if one.run_id not in runs))
    return [one for one in stored if one not in needed]


def beside_latest(stored: Collection[Stored]) -> list[Stored]:
    """The checkpoints that the latest one of their thread and namespace does not come from."""
    latest: dict[tuple[str, str], Stored] = {}
    for one in sorted(stored, key=lambda one: one.checkpoint_id):
        latest[one.thread_id, one.namespace] = one
    needed = _ancestry(stored, latest.values())
    return [one for one in stored if one not in needed]


def _ancestry(stored: Iterable[Stored], kept: Iterable[Stored]) -> set[Stored]:
    """Checkpoints and all that they come from."""
    known = {one[:3]: one for one in stored}
    found: set[Stored] = set()
    for one in kept:
        at: Stored | None = one
        while at is not None and at not in found:
            found.add(at)
            at = known.get((at.thread_id, at.namespace, at.parent_id or ""))
    return found
