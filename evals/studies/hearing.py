"""What the listening test has measured: each arm, the differences between arms, take-up and discrimination."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np

from peerleap.evals.records import PathRecord, RecordsError, read_records
from peerleap.evals.stats import Estimate, ballot, clustered, wilson
from peerleap.evals.studies.arms import (
    ARMS,
    NO_BLOCK,
    OWN,
    PEERS,
    PLACEBO,
    RIGHT,
    RIGHT_PEERS,
    SHAM,
    WRONG,
    WRONG_PEERS,
)
from peerleap.evals.studies.listening import ENDED, NAME
from peerleap.graph.answers import canonical

Key = tuple[str, str]
"""Question id and path."""

DIFFERENCES = {
    "the interruption": (OWN, NO_BLOCK),
    "a comment, whatever it says": (SHAM, OWN),
    "what peers say": (PEERS, SHAM),
    "words on another question": (PLACEBO, SHAM),
    "LeaP in all": (PEERS, NO_BLOCK),
}
"""What the difference between two arms' shares of right paths is the effect of."""
_DRAWS = 10_000
# Paths that would not have come to the answer anyway: with fewer, there is nothing to take up.
_LEAST_ROOM = 5.0


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm: shares of its half-done paths, with intervals over questions."""

    arm: str
    paths: int
    right: Estimate
    took: Estimate | None
    """Came to the answer that the peer names; `None` for an arm without one."""
    boxed: Estimate
    """Ended by themselves, with their answer in a box."""
    imitates: Estimate
    """Wrote a tag of the LeaP block behind it."""


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Of the paths that would not have come to their peers' answer anyway, the share that did, and how the two compare.

    "Anyway" is what the same paths came to in the arm `sham comment`, or, where there is none, `own summary`: a comment
    costs some models right paths whatever it says. A share below 0 says that the answer drives paths away from it.
    Intervals are percentiles over resampled questions.
    """

    right: Estimate | None
    """`None` where fewer than five paths were left that could have taken it up."""
    wrong: Estimate | None
    discrimination: Estimate | None
    """Right minus wrong."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening test's results."""

    model: str
    questions: int
    paths: int
    """Half-done paths."""
    ended: int
    """Paths that ended before the block."""
    arms: Sequence[ArmRow]
    differences: Mapping[str, Estimate]
    """By the keys of `DIFFERENCES`: shares of right paths, over the paths that both arms have."""
    take_up: TakeUp
    """Of one peer's answer."""
    of_several: TakeUp | None = None
    """Of the answer of all peers that a path reads; `None` where no path reads more than one."""
    silent: int = 0
    """Half-done paths to which no peer had anything to say."""


def read_listening(file: Path) -> Listening:
    """Read a finished or running listening test.

    Raises:
        RecordsError: another kind of file, or one without a half-done path.
    """
    header, records = read_records(file)
    if header.config.get("method") != NAME:
        raise RecordsError(
            f"{file}: results of {header.config.get('method')!r}, not of a listening test; "
            "`peerleap study listening` writes one"
        )
    by_arm: dict[str, dict[Key, PathRecord]] = {}
    for record in records:
        by_arm.setdefault(record.meta["arm"], {})[record.question, record.meta["member"]] = record
    if not by_arm.get(NO_BLOCK):
        done = f"{len(records)} paths ended before it" if records else "no question is done yet"
        raise RecordsError(f"{file}: no path reached the LeaP block ({done}); give a smaller --interval")
    arms = {arm: by_arm[arm] for arm in ARMS if arm in by_arm}
    return Listening(
        model=str(header.config["model"]),
        questions=len({question for question, _ in arms[NO_BLOCK]}),
        paths=len(arms[NO_BLOCK]),
        ended=len(by_arm.get(ENDED, ())),
        arms=[_row(arm, list(paths.values())) for arm, paths in arms.items()],
        differences={
            name: _difference(arms[new], arms[old])
            for name, (new, old) in DIFFERENCES.items()
            if arms.get(new, {}).keys() & arms.get(old, {}).keys()
        },
        take_up=_take_up(arms, RIGHT, WRONG),
        of_several=_take_up(arms, RIGHT_PEERS, WRONG_PEERS) if {RIGHT_PEERS, WRONG_PEERS} & arms.keys() else None,
        silent=sum(not _read_peers(path) for path in arms.get(PEERS, {}).values()),
    )


def came_to(path: PathRecord, answer: str) -> bool:
    """Whether a path's own answer is `answer`, however it is written."""
    found = ballot(path.verdict, path.kind)
    return found is not None and found == canonical(answer, "choice" if path.kind == "choice" else "math")


def share(paths: Sequence[PathRecord], holds: Callable[[PathRecord], bool]) -> Estimate:
    """The mean over questions of the share of paths for which something holds, with its 95 % interval over questions.

    Where it holds for all paths or for none, nothing is left to cluster: the interval is Wilson's, over questions.
    """
    values: dict[str, list[float]] = {}
    for path in paths:
        values.setdefault(path.question, []).append(float(holds(path)))
    means = [sum(of) / len(of) for of in values.values()]
    if set(means) in ({0.0}, {1.0}):
        return wilson(sum(means), len(means))
    found = clustered(means)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def _row(arm: str, paths: Sequence[PathRecord]) -> ArmRow:
    heard = all("heard" in path.meta for path in paths)
    return ArmRow(
        arm=arm,
        paths=len(paths),
        right=share(paths, lambda path: path.verdict.correct),
        took=share(paths, _took) if heard else None,
        boxed=share(paths, lambda path: path.outcome == "finished"),
        imitates=share(paths, lambda path: bool(path.meta["imitates"])),
    )


def _took(path: PathRecord) -> bool:
    # The right answer however it is written, as the grader sees it.
    return path.verdict.correct if path.meta["arm"] in {RIGHT, RIGHT_PEERS} else came_to(path, path.meta["heard"])


def _read_peers(path: PathRecord) -> bool:
    return any(segment["kind"] == "comment" for segment in path.segments or ())


def _difference(new: Mapping[Key, PathRecord], old: Mapping[Key, PathRecord]) -> Estimate:
    gains: dict[str, list[float]] = {}
    for key in new.keys() & old.keys():
        gains.setdefault(key[0], []).append(float(new[key].verdict.correct) - float(old[key].verdict.correct))
    return clustered([sum(of) / len(of) for _, of in sorted(gains.items())])


def _take_up(arms: Mapping[str, Mapping[Key, PathRecord]], right_arm: str, wrong_arm: str) -> TakeUp:
    anyway = {**arms.get(OWN, {}), **arms.get(SHAM, {})}

    def counts(arm: str, took: Callable[[PathRecord, Any], bool]) -> tuple[Any, Any]:
        """By question: how many more paths came to the answer than would have anyway, and how many could have."""
        rows: dict[str, list[tuple[float, float]]] = {question: [] for question in questions}
        for key, path in arms.get(arm, {}).items():
            if key in anyway:
                before = float(took(anyway[key], path.meta["heard"]))
                rows[key[0]].append((float(took(path, path.meta["heard"])) - before, 1.0 - before))
        table = np.array([np.sum(of, axis=0) if of else (0.0, 0.0) for of in rows.values()]).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    questions = sorted({question for question, _ in anyway})
    tables = {
        right_arm: counts(right_arm, lambda path, _: path.verdict.correct),
        wrong_arm: counts(wrong_arm, came_to),
    }
    drawn = np.random.default_rng(0).integers(len(questions), size=(_DRAWS, len(questions)))
    draws = {
        arm: _ratio(gained[drawn].sum(axis=1), room[drawn].sum(axis=1))
        for arm, (gained, room) in tables.items()
        if room.sum() >= _LEAST_ROOM
    }
    shares = {
        arm: _estimate(_ratio(*(of.sum() for of in tables[arm])), of, len(questions)) for arm, of in draws.items()
    }
    right, wrong = shares.get(right_arm), shares.get(wrong_arm)
    if right is None or wrong is None:
        return TakeUp(right, wrong, None)
    both = _percentiles(right.value - wrong.value, draws[right_arm] - draws[wrong_arm], len(questions))
    if both.low == both.high:  # every question is the same: Newcombe's interval of a difference
        low = both.value - hypot(right.value - right.low, wrong.high - wrong.value)
        high = both.value + hypot(right.high - right.value, wrong.value - wrong.low)
        both = replace(both, low=low, high=high)
    return TakeUp(right, wrong, both)


def _ratio(gained: Any, room: Any) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.divide(gained, room)


def _estimate(value: Any, draws: Any, questions: int) -> Estimate:
    found = _percentiles(value, draws, questions)
    same = found.low == found.high and 0 <= found.value <= 1
    return wilson(found.value * questions, questions) if same else found


def _percentiles(value: Any, draws: Any, questions: int) -> Estimate:
    known = draws[np.isfinite(draws)]
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(float(value), float(known.std(ddof=1)), float(low), float(high), questions)
