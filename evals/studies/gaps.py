"""What a study of beginnings has measured: Pass@1 behind each beginning, gaps to none, and what LeaP makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peerleap.evals.records import PathRecord, RecordsError, read_records
from peerleap.evals.stats import Difference, Estimate, paired_difference
from peerleap.evals.studies.beginnings import METHODS, NAME, NONE
from peerleap.evals.studies.hearing import share

# A difference of 2.8 standard errors is found significant four times out of five.
_DETECTABLE = 2.8


@dataclass(frozen=True, slots=True)
class BeginningRow:
    """One kind of beginning; differences are over the same questions."""

    arm: str
    pass_at_1: Mapping[str, Estimate]
    """By method: independent, leap."""
    gaps: Mapping[str, Difference]
    """By method: Pass@1 minus that without a beginning; empty for none."""
    leap: Difference
    """LeaP minus independent paths."""
    narrowed: Difference | None
    """LeaP's gap minus that of independent paths; above 0, LeaP mends what the beginning has spoilt."""


@dataclass(frozen=True, slots=True)
class BeginningsFound:
    """A study's results."""

    model: str
    kind: str
    fraction: float
    tokens: int
    """Length of a beginning."""
    questions: int
    wanted: int
    """Questions of the study, those that are not done yet included."""
    paths: int
    """Continuations of each arm."""
    blocks: float
    """LeaP blocks that a path of LeaP took part in, on average."""
    rows: Sequence[BeginningRow]

    @property
    def detectable(self) -> float | None:
        """About the least gap that so many questions show (80 % power), by the largest spread that was measured."""
        errors = [gap.se for row in self.rows for gap in row.gaps.values()]
        return _DETECTABLE * max(errors) if errors else None


def read_beginnings(file: Path) -> BeginningsFound:
    """Read a finished or running study of beginnings.

    Raises:
        RecordsError: another kind of file, or one with fewer than two questions.
    """
    header, records = read_records(file)
    config = header.config
    if config.get("method") != NAME:
        raise RecordsError(
            f"{file}: results of {config.get('method')!r}, not of a study of beginnings; `peerleap study beginnings` "
            "writes one"
        )
    arms: dict[str, dict[str, list[PathRecord]]] = {}
    for record in records:
        arms.setdefault(record.meta["arm"], {}).setdefault(record.meta["by"], []).append(record)
    questions = {record.question for record in records}
    if len(questions) < 2:
        raise RecordsError(f"{file}: {len(questions)} of {config['questions']} questions are done, and two are needed")
    base = {method: _by_question(paths) for method, paths in arms[NONE].items()}
    leap = [record for by in arms.values() for record in by["leap"]]
    return BeginningsFound(
        model=str(config["model"]),
        kind=str(config["options"]["kind"]),
        fraction=float(config["options"]["fraction"]),
        tokens=int(config["options"]["tokens"]),
        questions=len(questions),
        wanted=int(config["questions"]),
        paths=int(config["paths"]),
        blocks=sum(part["kind"] == "summary" for record in leap for part in record.segments) / len(leap),
        rows=[_row(arm, by, base) for arm, by in arms.items()],
    )


def _row(arm: str, by: Mapping[str, Sequence[PathRecord]], base: Mapping[str, Mapping[str, float]]) -> BeginningRow:
    values = {method: _by_question(by[method]) for method in METHODS}
    gaps = {} if arm == NONE else {method: paired_difference(values[method], base[method]) for method in METHODS}
    return BeginningRow(
        arm=arm,
        pass_at_1={method: share(by[method], lambda path: path.verdict.correct) for method in METHODS},
        gaps=gaps,
        leap=paired_difference(values["leap"], values["independent"]),
        narrowed=paired_difference(
            _minus(values["leap"], base["leap"]), _minus(values["independent"], base["independent"])
        )
        if gaps
        else None,
    )


def _by_question(paths: Sequence[PathRecord]) -> dict[str, float]:
    right: dict[str, list[bool]] = {}
    for path in paths:
        right.setdefault(path.question, []).append(path.verdict.correct)
    return {question: sum(of) / len(of) for question, of in right.items()}


def _minus(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    return {question: value - old[question] for question, value in new.items()}


def beginnings_verdict(found: BeginningsFound) -> str:
    """What beginnings do to a model, and LeaP to beginnings, in one sentence without its full stop."""
    sentences = []
    for row in found.rows:
        if not row.gaps:
            continue
        name = f"{row.arm} beginnings"
        lone = row.gaps["independent"]
        if lone.low > 0 or lone.high < 0:
            what = f"{name} move independent paths by {_points(lone)}"
            if row.narrowed is not None and (row.narrowed.low > 0 or row.narrowed.high < 0):
                what += f", and LeaP changes that by {_points(row.narrowed)}"
            sentences.append(what)
    if not sentences:
        return "no beginning makes a difference that so few questions could show"
    return "; ".join(sentences)


def _points(one: Difference) -> str:
    return f"{100 * one.value:+.0f} [{100 * one.low:+.0f}, {100 * one.high:+.0f}] points"
