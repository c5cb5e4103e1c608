"""Where each answer of a run came from, who took it up from whom, and what reading did to each reader."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from peerleap.viewer.held import Change, ClosedBlock, HeldAnswers


class Answers:
    """The different answers of a run, numbered; spellings of one answer are one."""

    def __init__(self, held: HeldAnswers) -> None:
        self.texts: list[str] = []
        """Each answer as it was first written."""
        self._held = held
        self._numbers: dict[str, int] = {}

    def number(self, answer: str | None) -> int | None:
        """The number of an answer; `None` where there is none."""
        if answer is None:
            return None
        if answer not in self._numbers:
            same = (n for n, text in enumerate(self.texts) if self._held.same(text, answer))
            number = next(same, len(self.texts))
            if number == len(self.texts):
                self.texts.append(answer)
            self._numbers[answer] = number
        return self._numbers[answer]


def spread(answers: Answers, columns: Sequence[Mapping[str, int | None]], held: HeldAnswers) -> list[dict[str, Any]]:
    """One row for each answer: how many paths held it when, who held it first, and from whom others took it.

    Args:
        answers: the answers of the run.
        columns: for each LeaP block, and at last for the end: the number of the answer that each path held.
        held: the run, replayed.

    Returns:
        By number of the answer: `answer`, `counts` (one a column), `first` (`column`, `paths`), `taken_up` (how many
        times a path took it up after reading a peer that held it), `from` (by path: how many of those had read it).
    """
    rows = []
    for number, text in enumerate(answers.texts):
        holders = [[path for path, answer in column.items() if answer == number] for column in columns]
        at = next((n for n, paths in enumerate(holders) if paths), None)
        taken = [change for change in held.changes if change.sources and answers.number(change.after) == number]
        sources = Counter(source for change in taken for source in change.sources)
        rows.append({
            "answer": text,
            "counts": [len(paths) for paths in holders],
            "first": None if at is None else {"column": at, "paths": holders[at]},
            "taken_up": len(taken),
            "from": dict(sources.most_common()),
        })  # fmt: skip
    return rows


def effect(path: str, block: ClosedBlock, after: int | None, answers: Answers) -> str | None:
    """What a block did to a reader's answer (paper, section 5.1.3), by the answers that paths hold.

    Args:
        path: the reader.
        block: what it read in.
        after: the number of the answer that it holds at the next block, or at its end.
        answers: the answers of the run.

    Returns:
        `consistent`: as the majority of the read peers, before and after. `unaffected`: another than theirs, and it
        stays. `influenced`: it has changed to an answer that a read peer held. `changed`: to another one. `None` where
        an answer is not known.
    """
    read = [answers.number(held) for name in block.routes.get(path, ()) if (held := block.held.get(name)) is not None]
    before = answers.number(block.held.get(path))
    if not read or after is None:
        return None
    if before != after:
        if after in read:
            return "influenced"
        return None if before is None else "changed"
    ((majority, _),) = Counter(read).most_common(1)
    return "consistent" if before == majority else "unaffected"


def change_row(change: Change) -> dict[str, Any]:
    """A change of an answer, as plain data."""
    return {**change._asdict(), "sources": list(change.sources)}
