"""A path's answer so far, asked for beside its history: the path itself never reads that it was asked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from typing_extensions import TypedDict

from peerleap.graph.answers import canonical, classes, extract_answer
from peerleap.graph.events import VERSION, Event
from peerleap.graph.history import Probe, Segment, beside
from peerleap.graph.path import Path, Turn, forced_answer
from peerleap.graph.settings import RunSettings, TaskName
from peerleap.graph.state import BlockRecord, PathState

SHARE = 0.75
"""Share of the paths that must agree before a run of `talk="disagree"` ends early."""


class Probed(TypedDict):
    """Result of one path's probe."""

    segments: list[Segment]
    """What the path would add to its history if its budget ended here."""
    answer: str | None
    error: str | None


async def probe(path: Path, history: Sequence[Segment], turn: Turn) -> Probed:
    """Ask a path for its answer in a request that continues its history and leaves nothing in it.

    The request is the one that a path without budget gets, with its seed: at most `answer_tokens` tokens. What was
    asked before is in the prefix cache.
    """
    try:
        segments = await forced_answer(path, history, turn)
    except Exception as error:  # noqa: BLE001
        message = f"{type(error).__name__}: {error}"
        return Probed(segments=[], answer=None, error=message)
    answer = extract_answer([*history, *segments], path.task)
    tokens = sum(request["tokens"] for request in beside(segments))
    turn.write(Event(v=VERSION, type="probe", path=path.name, round=turn.round, answer=answer, tokens=tokens))
    return Probed(segments=segments, answer=answer, error=None)


def as_record(probed: Probed) -> Probe:
    """What a block's record has of a probe."""
    return Probe(answer=probed["answer"], requests=beside(probed["segments"]))


class Agreement(NamedTuple):
    """How far paths agree."""

    answer: str | None
    """What two paths or more hold, and more than any other answer; `None` where there is no such answer."""
    paths: tuple[str, ...]
    """Who holds it."""
    share: float
    """Share of the paths that hold the most frequent answer, 0 to 1."""


def held_answers(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    probed: Mapping[str, Probed],
) -> dict[str, str | None]:
    """The answer of every path that has not failed: as probed, or, of a path that has ended, its own."""
    held = {}
    for name, path in paths.items():
        if name in probed:
            if probed[name]["error"] is None:
                held[name] = probed[name]["answer"]
        elif status[name]["state"] in {"finished", "forced"}:
            held[name] = extract_answer(histories[name], path.task)
    return held


def agreement(held: Mapping[str, str | None], task: TaskName) -> Agreement:
    """How far paths agree on their answers; those without one agree with nobody."""
    names = list(held)
    groups = classes([None if answer is None else canonical(answer, task) for answer in held.values()])
    sizes = sorted(map(len, groups), reverse=True)
    share = sizes[0] / len(names) if sizes else 0.0
    if not sizes or sizes[0] < 2 or sizes[:2] == [sizes[0]] * 2:
        return Agreement(None, (), share)
    largest = [names[number] for number in max(groups, key=len)]
    return Agreement(held[largest[0]], tuple(largest), share)


def has_settled(records: Sequence[BlockRecord], found: Agreement, settings: RunSettings, task: TaskName) -> bool:
    """Whether a run may end at a block in which the paths agree as `found` says.

    With `disagree`, three quarters of the paths have held one answer at `stable` successive blocks, this one included.
    With `probe`, the most frequent answer has been the same at so many, as in Parallel-Probe (arXiv 2602.03845).
    """
    least = SHARE if settings.talk == "disagree" else 0.0
    before = records[len(records) - (settings.stable - 1) :] if len(records) >= settings.stable - 1 else []
    if found.answer is None or found.share < least or not before:
        return False
    form = canonical(found.answer, task)
    return all(
        (answer := record.get("majority")) is not None
        and canonical(answer, task) == form
        and record.get("share", 0.0) >= least
        for record in before
    )
