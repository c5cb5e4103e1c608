"""What each path would have answered around each LeaP block, put together from the evals and the probes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peerleap.evals.records import PathRecord, RecordsError, read_records
from peerleap.evals.stats import Tokens
from peerleap.evals.studies.types.places import Block, blocks
from peerleap.evals.studies.types.probes import ALONE, BEFORE, LATER, LEAP, NAME, READ
from peerleap.evals.studies.types.sources import Source

Held = tuple[bool, str] | None
"""An answer as it is voted on: whether it is right, and a wrong one's form; `None` for no answer."""
TYPES = ("consistent", "unaffected", "influenced", "left", "moved on")
"""The paper's three; agreed with its peers and then did not; differed, and changed to what no peer held."""


@dataclass(frozen=True, slots=True)
class Step:
    """One path at one LeaP block."""

    question: str
    run: int
    path: str
    block: Block
    before: Held
    read: Held
    """Behind what it read."""
    later: Held
    """Some own tokens on; the path's own answer where it ended before."""
    final: Held
    alone: tuple[Held, Held] | None
    """Before and later of the same path alone, at the same numbers of own tokens; `None` where it had ended before."""
    alone_final: Held
    peers: tuple[Held, ...]
    """What the peers that it read would have answered when the block began."""
    peers_later: tuple[Held, ...]
    """What the same peers would have answered later."""
    first: bool
    """Whether it is the path's first block."""
    own_answer: str | None
    """What it would have answered before, as it wrote it."""

    @property
    def type(self) -> str | None:
        """The paper's type (section 5.1.3) by the probes; `None` where no peer that it read held an answer."""
        return type_of(self.before, self.later, self.peers, self.peers_later)

    @property
    def key(self) -> tuple[str, int, str, int]:
        """Question, run, path and number of the block."""
        return (self.question, self.run, self.path, self.block.number)


def type_of(before: Held, later: Held, peers: Sequence[Held], peers_later: Sequence[Held] = ()) -> str | None:
    """One of `TYPES`.

    A path agrees with its peers where it holds the answer that most of them hold, ties included; later, with what they
    held when the block began or with what they hold by then: paths that go on together have not parted.

    Args:
        before: Its answer when the block began.
        later: Its answer some tokens behind it.
        peers: The answers of the peers that it read, when the block began; those without one are left out.
        peers_later: Theirs some tokens behind it.

    Returns:
        The type; `None` where no peer holds an answer.
    """
    top = _most_held(peers)
    if not top:
        return None
    if before in top:
        return "consistent" if later in top | _most_held(peers_later) else "left"
    if later == before:
        return "unaffected"
    return "influenced" if later is not None and later in peers else "moved on"


def _most_held(answers: Sequence[Held]) -> set[Held]:
    counts = Counter(held for held in answers if held is not None)
    return {held for held, count in counts.items() if count == max(counts.values())}


def read_steps(leap: Source, alone: Source, file: Path) -> list[Step]:
    """Put the probes' answers beside the paths that were asked.

    Args:
        leap: The eval of LeaP.
        alone: The independent paths.
        file: The probes, finished.

    Raises:
        RecordsError: another kind of file.
    """
    found: dict[tuple[str, int], dict[tuple[str, str, int, str], PathRecord]] = {}
    for record in probe_records(file):
        meta = record.meta
        if meta["point"] != "none" and record.outcome != "failed":
            place = (str(meta["of"]), str(meta["member"]), int(meta["block"]), str(meta["point"]))
            found.setdefault((record.question, record.run), {})[place] = record
    steps = []
    for key, paths in leap.paths.items():
        probes = found.get(key, {})
        for name, record in paths.items():
            for number, block in enumerate(blocks(record)):
                places = {point: probes.get((LEAP, name, block.number, point)) for point in (BEFORE, READ, LATER)}
                before, read, later = places[BEFORE], places[READ], places[LATER]
                if before is None or read is None:
                    continue  # a probe that failed
                steps.append(
                    Step(
                        question=key[0], run=key[1], path=name, block=block,
                        before=before.graded.vote, read=read.graded.vote,
                        later=record.graded.vote if later is None else later.graded.vote,
                        final=record.graded.vote,
                        alone=_alone(name, block, probes, alone.paths.get(key, {})),
                        alone_final=_final(alone.paths.get(key, {}), name),
                        peers=_peers(BEFORE, block, probes, paths), peers_later=_peers(LATER, block, probes, paths),
                        first=number == 0, own_answer=before.verdict.extracted,
                    )
                )  # fmt: skip
    return steps


def probe_tokens(file: Path) -> Tokens:
    """What the probes have cost."""
    return sum((record.tokens for record in probe_records(file)), Tokens())


def probe_records(file: Path) -> list[PathRecord]:
    """The lines of a probes file.

    Raises:
        RecordsError: another kind of file.
    """
    header, records = read_records(file)
    if header.config.get("method") != NAME:
        raise RecordsError(f"{file}: results of {header.config.get('method')!r}, not of `peerleap study types`")
    return records


def _alone(
    name: str,
    block: Block,
    probes: Mapping[tuple[str, str, int, str], PathRecord],
    paths: Mapping[str, PathRecord],
) -> tuple[Held, Held] | None:
    before = probes.get((ALONE, name, block.number, BEFORE))
    if before is None:
        return None
    later = probes.get((ALONE, name, block.number, LATER))
    return before.graded.vote, (_final(paths, name) if later is None else later.graded.vote)


def _final(paths: Mapping[str, PathRecord], name: str) -> Held:
    return paths[name].graded.vote if name in paths else None


def _peers(
    point: str,
    block: Block,
    probes: Mapping[tuple[str, str, int, str], PathRecord],
    paths: Mapping[str, PathRecord],
) -> tuple[Held, ...]:
    """The answers of the peers that were read; of one that had finished by then, its own."""
    found: list[Held] = []
    for source in block.sources:
        if source in paths:
            probed = probes.get((LEAP, source, block.number, point))
            found.append(paths[source].graded.vote if probed is None else probed.graded.vote)
    return tuple(found)
