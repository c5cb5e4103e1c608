"""Whom a LeaP block interrupts, by the setting `talk`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from peerleap.agents import prompts
from peerleap.graph.answers import canonical
from peerleap.graph.history import Segment
from peerleap.graph.leap_block.probe import Probed, agreement, as_record, has_settled, held_answers
from peerleap.graph.leap_block.routers import ROUTERS
from peerleap.graph.leap_block.similarity import nearest, similarity_matrix
from peerleap.graph.leap_block.summary import conclude, excerpt
from peerleap.graph.path import Path
from peerleap.graph.seeds import derive_random
from peerleap.graph.settings import RunSettings
from peerleap.graph.state import BlockRecord, PathState, Summary

NOVELTY = 0.15
"""Least novelty of a summary that is worth reading: 1 minus its similarity to the nearest text that the reader knows.

CPT (arXiv 2605.27030) drops a note whose similarity to a known one is 0.85 or more, by default of its released code;
its similarity is that of sentence embeddings, ours is equation 4 of the paper."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Plan(NamedTuple):
    """Whom a LeaP block interrupts."""

    writers: tuple[str, ...]
    """Who sums up and then reads."""
    aside: tuple[str, ...] = ()
    """Who sums up for its peers beside its history, and goes on undisturbed."""
    routes: Mapping[str, Sequence[str]] | None = None
    """For each writer, whom it reads; `None` where that is decided by the summaries."""
    record: Mapping[str, Any] = {}
    """Fields of the block's record."""
    probed: Mapping[str, Probed] = {}
    """By path that still thinks: its probe."""

    @property
    def ends(self) -> bool:
        """Whether the run ends here."""
        return self.record.get("stop") == "agreement"


def active_paths(status: Mapping[str, PathState]) -> list[str]:
    """Names of the paths that still think, in order."""
    return [name for name, path in status.items() if path["state"] == "active"]


def alumni(status: Mapping[str, PathState], settings: RunSettings) -> list[str]:
    """Names of the paths that have finished and go on sharing their conclusion."""
    return [name for name, path in status.items() if settings.alumni and path["state"] in {"finished", "forced"}]


def probes_first(settings: RunSettings) -> bool:
    """Whether a block begins with a probe of every path that still thinks."""
    return settings.talk in {"disagree", "probe"}


def plan_block(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    probed: Mapping[str, Probed],
    records: Sequence[BlockRecord],
    round_number: int,
) -> Plan:
    """Decide whom a block interrupts, before anybody writes.

    Args:
        paths: all, by name.
        histories: theirs.
        status: theirs.
        probed: by path that still thinks, where `probes_first`.
        records: the blocks before this one.
        round_number: this one's.
    """
    path = next(iter(paths.values()))
    settings, task = path.settings, path.task
    if not probes_first(settings):
        return Plan(tuple(active_paths(status)))
    held = held_answers(paths, histories, status, probed)
    found = agreement(held, task)
    record: dict[str, Any] = {
        "probes": {name: as_record(one) for name, one in probed.items()},
        "majority": found.answer,
        "share": found.share,
    }
    if has_settled(records, found, settings, task):
        for name in probed:
            record["probes"][name]["requests"] = []  # they become the path's answer
        return Plan((), record={**record, "stop": "agreement"}, probed=probed)
    if settings.talk == "probe":
        return Plan((), record=record, probed=probed)
    active = [name for name in active_paths(status) if name in held]
    candidates = [name for name in paths if name in {*active, *alumni(status, settings)}]
    # A path that has begun a summary by itself stands behind its tag: it has to write it.
    begun = [name for name in active if histories[name][-1].get("finish") == "summarize"]
    readers = [name for name in active if name not in found.paths or name in begun]
    routes = _best_of_each_answer(paths, histories, status, candidates, readers, held, round_number)
    writers = tuple(name for name in readers if routes[name] or name in begun)
    read = {source for sources in routes.values() for source in sources}
    aside = tuple(name for name in active if name in read and name not in writers)
    return Plan(writers, aside, {name: routes[name] for name in writers}, record, probed)


def _best_of_each_answer(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    candidates: Sequence[str],
    readers: Sequence[str],
    held: Mapping[str, str | None],
    round_number: int,
) -> dict[str, list[str]]:
    """For each reader, one peer for every answer that is not its own: the first in the router's order.

    Only who is read sums up, so the router compares what is there before: the ends of the paths' thoughts, as long as a
    summary may be, and the conclusions of those that have ended.
    """
    settings, task = next(iter(paths.values())).settings, next(iter(paths.values())).task
    texts: list[Summary] = [
        (excerpt if status[name]["state"] == "active" else conclude)(paths[name], histories[name])
        for name in candidates
    ]
    matrix = similarity_matrix([text["text"] for text in texts], settings.similarity)
    forms = {name: None if answer is None else canonical(answer, task) for name, answer in held.items()}
    routes = {}
    for reader in readers:
        i, mine = candidates.index(reader), forms[reader]
        others = [j for j, name in enumerate(candidates) if j != i and forms[name] not in {None, mine}]
        random = derive_random(settings.seed, "route", round_number, reader)
        best: dict[str | None, str] = {}
        for j in ROUTERS[settings.router](matrix[i], others, max(1, len(others)), random, texts):
            best.setdefault(forms[candidates[j]], candidates[j])
        routes[reader] = list(best.values())[: len(others) if settings.router == "all" else settings.top_k]
    return routes


@dataclass(frozen=True, slots=True)
class Known:
    """What one reader has written and read."""

    texts: list[str]
    """Summaries: its own, this block's included, and those that it has read."""
    numbers: set[str] | None
    """The numbers in its history; `None` where they do not matter."""
    similarity: str
    """The setting."""

    @classmethod
    def of(cls, reader: str, history: Sequence[Segment], records: Sequence[BlockRecord], path: Path) -> "Known":
        """What a path knows.

        Args:
            reader: its name.
            history: its history, up to its summary of this block.
            records: the blocks before this one.
            path: the path itself.
        """
        own = [
            segment["text"].partition(prompts.SUMMARIZE_END)[0] for segment in history if segment["kind"] == "summary"
        ]
        read = [
            record["summaries"][name]["text"]
            for record in records
            for name in record["routes"].get(reader, ())
            if name in record["summaries"]
        ]
        numbers = {number for segment in history for number in _NUMBER.findall(segment["text"])}
        return cls([*own, *read], numbers if path.task == "math" else None, path.settings.similarity)

    def lacks(self, text: str) -> bool:
        """Whether a summary has something new.

        In mathematics a number that stands nowhere in the history is new, however similar the sentence around it.
        """
        if self.numbers is not None and set(_NUMBER.findall(text)) - self.numbers:
            return True
        return 1 - nearest(text, self.texts, self.similarity) > NOVELTY

    def learn(self, text: str) -> bool:
        """Read a summary, if it has something new; whether it has."""
        if not self.lacks(text):
            return False
        self.texts.append(text)
        if self.numbers is not None:
            self.numbers.update(_NUMBER.findall(text))
        return True
