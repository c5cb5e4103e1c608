"""Which answer each path holds while a run goes on, and who changed its answer after it had read whom."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from peerleap.graph import TaskName

# Kinds of segments from whose text a path's own answer is read.
_ANSWERING = {"thought", "answer", "nudge"}


class Change(NamedTuple):
    """A path holds another answer than at the last LeaP block."""

    path: str
    before: str | None
    after: str
    block: int
    """The block that the path had read before it changed; 1 is the first."""
    sources: tuple[str, ...]
    """Which of the peers that it read held the new answer."""

    def __str__(self) -> str:
        source = f", held by {', '.join(self.sources)}" if self.sources else ""
        if self.before is None:
            return f"{self.path} took up {self.after}{source}, after block {self.block}"
        return f"{self.path} changed {self.before} to {self.after}{source}, after block {self.block}"


class ClosedBlock(NamedTuple):
    """A LeaP block after which the paths have read."""

    number: int
    """From 1."""
    held: Mapping[str, str]
    """The answer that each path held when the block was closed; paths without one are missing."""
    routes: Mapping[str, Sequence[str]]
    """By reader: whose summaries it reads."""


class HeldAnswers:
    """The answers of a run's paths, from what the paths write, in the order in which it happens."""

    def __init__(self, kind: "Callable[[], TaskName]") -> None:
        self.answers: dict[str, str] = {}
        """By path: the answer that it holds now; paths without one are missing."""
        self.blocks: list[ClosedBlock] = []
        self.changes: list[Change] = []
        self.changed: set[str] = set()
        """Paths that ever changed their answer after they had read their peers."""
        self._kind = kind
        self._segments: dict[str, list[dict[str, Any]]] = {}
        self._ended: set[str] = set()
        self._probed: set[str] = set()
        """Paths that were asked for their answer in the block under way."""

    def add(self, path: str, kind: str, text: str) -> None:
        """A piece of a path's history is complete."""
        self._segments.setdefault(path, []).append({"kind": kind, "text": text if kind in _ANSWERING else ""})

    def sum_up(self, path: str, text: str) -> None:
        """A path has summed up: it holds what the summary concludes, else what it has last written itself."""
        if path not in self._ended and path not in self._probed:
            concluded = self._answer_in([{"kind": "thought", "text": text}])
            self._hold(path, concluded or self._answer_in(self._segments.get(path, [])))

    def probe(self, path: str, answer: str | None) -> None:
        """A path was asked what it would answer: nothing says better what it holds."""
        if path not in self._ended:
            self._probed.add(path)
            self._hold(path, answer)

    def close_block(self, number: int, routes: Mapping[str, Sequence[str]]) -> None:
        """A LeaP block, numbered from 1, is closed: its readers read."""
        self._probed.clear()
        self.blocks.append(ClosedBlock(number, dict(self.answers), routes))

    def end(self, path: str, answer: str | None) -> None:
        """A path has ended with this answer."""
        self._ended.add(path)
        self._hold(path, answer)

    def same(self, one: str, other: str) -> bool:
        """Whether two answers mean the same."""
        from peerleap.graph.answers import canonical

        return canonical(one, self._kind()) == canonical(other, self._kind())

    def _hold(self, path: str, answer: str | None) -> None:
        before = self.answers.get(path)
        if answer is None or (before is not None and self.same(before, answer)):
            return
        self.answers[path] = answer
        read = [block for block in self.blocks if path in block.routes]
        if not read:
            return
        last = read[-1]
        sources = [
            name for name in last.routes[path] if (held := last.held.get(name)) is not None and self.same(held, answer)
        ]
        if before is not None or sources:
            self.changed.add(path)
            self.changes.append(Change(path, before, answer, last.number, tuple(sources)))

    def _answer_in(self, segments: Any) -> str | None:
        from peerleap.graph.answers import extract_answer

        return extract_answer(segments, self._kind())


def replay(run: Mapping[str, Any], task: "TaskName") -> HeldAnswers:
    """The answers of a run, block by block, as they were while it went on.

    Args:
        run: as `read_run` returns it, or the output of `ask`.
        task: what kind of question it is.

    Returns:
        The answers at every block, and now: at the end of a run that has ended.
    """
    held, histories = HeldAnswers(lambda: task), run["histories"]
    ended: set[str] = set()
    for record in run["rounds"]:
        number = record["round"]
        _add(held, histories, number)
        probes = record.get("probes", {})
        for path, probe in probes.items():
            held.probe(path, probe["answer"])
        for path in histories:
            silent = path not in record["routes"] and path not in probes
            if silent and path not in ended and path in record["summaries"]:
                ended.add(path)
                held.end(path, _last_answer(run, path, task))
        for path, summary in record["summaries"].items():
            held.sum_up(path, summary["text"])
        held.close_block(number + 1, record["routes"])
    _add(held, histories, len(run["rounds"]))
    for path in histories:
        if path not in ended and _status(run, path) in {"finished", "forced"}:
            held.end(path, _last_answer(run, path, task))
    return held


def _add(held: HeldAnswers, histories: Mapping[str, Any], number: int) -> None:
    for path, history in histories.items():
        for segment in history:
            if segment["round"] == number and segment["kind"] != "prompt":
                held.add(path, segment["kind"], segment.get("text") or "")


def _status(run: Mapping[str, Any], path: str) -> str:
    """The state of a path: that of its outcome where the run has ended."""
    outcome = (run.get("paths") or {}).get(path)
    return str(outcome["status"] if outcome else (run.get("status") or {}).get(path, "active"))


def _last_answer(run: Mapping[str, Any], path: str, task: "TaskName") -> str | None:
    from peerleap.graph.answers import extract_answer

    outcome = (run.get("paths") or {}).get(path)
    return outcome["answer"] if outcome else extract_answer(run["histories"][path], task)
