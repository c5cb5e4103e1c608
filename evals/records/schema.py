"""The lines of `paths.jsonl`: the header, one line a path, and how they are read back."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from peerleap.evals.grading import Verdict
from peerleap.evals.stats import Graded, Tokens, ballot

SCHEMA = 1
_START, _FIRST = b'{"', b'{"config":{'


class RecordsError(ValueError):
    """A records file cannot be used: damaged, in use, or of another configuration."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: `config` (model, settings, data, seeds: what makes results comparable) and what else was there.

    `versions` and `hardware` are noted and not hashed: a run may be resumed on another machine, and the file says so.
    """

    config: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config_hash(self) -> str:
        """SHA-256 over the configuration as sorted JSON."""
        return hashlib.sha256(encode(self.config)).hexdigest()


@dataclass(frozen=True, slots=True)
class PathRecord:
    """One path of one run of one method on one question.

    `run` is the run's seed, `paths` the number of paths of the question in this run (a question's run is done when all
    of its lines are there). `segments` sums up the history: `{"kind": ..., "tokens": ...}` each. `text` is the path's
    own text: answers can be graded again without generating them again. It is cut where something was inserted: `chars`
    of a segment is the length of the part that begins with it.
    """

    question: str
    run: int
    method: str
    path: str
    paths: int
    outcome: str
    verdict: Verdict
    tokens: Tokens = field(default_factory=Tokens)
    segments: tuple[Mapping[str, Any], ...] = ()
    aha: Mapping[str, int] = field(default_factory=dict)
    text: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int, str]:
        """The question's run that this path belongs to."""
        return (self.question, self.run, self.method)

    @property
    def graded(self) -> Graded:
        """The path as `metrics` reads it."""
        return Graded(ballot(self.verdict, self.kind), self.verdict.correct, self.tokens, self.aha)

    @property
    def kind(self) -> str:
        """The kind of the gold answer; where an older file lacks it, inferred from the rule of the verdict."""
        return str(self.meta.get("kind") or (self.verdict.how if self.verdict.how in {"choice", "text"} else "math"))


def parse(path: Path, content: Iterable[bytes], *, texts: bool = True) -> tuple[Header | None, list[PathRecord], int]:
    """Header, the paths of complete questions, and the length of the file up to the last of them.

    `content` is read line by line; without `texts`, what the paths wrote is dropped.
    """
    header: Header | None = None
    records: list[PathRecord] = []
    group: list[PathRecord] = []
    done = set[tuple[str, int, str]]()
    good = 0
    for number, line, end, complete in _lines(content):
        try:
            row = json.loads(line)
            record = None if number == 1 or "resumed" in row else _record(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            # A kill leaves a line without its end; a whole line that cannot be read was damaged by something else.
            start = _FIRST if number == 1 else _START
            if complete or not line.startswith(start[: len(line)]):
                raise RecordsError(
                    f"{path}:{number}: damaged, or not a records file ({type(error).__name__})"
                ) from None
            break
        if not complete:
            if number == 1:
                # Another program's JSON may end without a newline too: what is dropped must be ours.
                _header(path, row)
            # Whole JSON without its newline: the sync had not returned, so the question counts as not done.
            break
        header = header or _header(path, row)
        if record is not None:
            _check_group(path, number, group, record)
            group.append(record if texts else replace(record, text=None, segments=()))
        if group and len(group) == group[0].paths:
            if group[0].key in done:
                raise RecordsError(f"{path}:{number}: {group[0].key!r} is in it twice; were two files joined?")
            done.add(group[0].key)
            records.extend(group)
            group = []
        if not group:
            good = end
    return header, records, good


def _lines(content: Iterable[bytes]) -> Iterator[tuple[int, bytes, int, bool]]:
    """Number, text, end and whether it is complete, of each line."""
    position = 0
    for number, line in enumerate(content, start=1):
        position += len(line)
        yield number, line, position, line.endswith(b"\n")


def _header(path: Path, row: Mapping[str, Any]) -> Header:
    needed = {"config", "config_hash", "versions", "hardware"}
    known = isinstance(row, dict) and row.get("peerleap_records") == SCHEMA and needed <= row.keys()
    if not known or not isinstance(row["config"], dict):
        raise RecordsError(f"{path}: not a records file of schema {SCHEMA}")
    header = Header(row["config"], row["versions"], row["hardware"])
    if row["config_hash"] != header.config_hash:
        raise RecordsError(
            f"{path}: config_hash={row['config_hash']!r} is not that of its config; the header was edited"
        )
    return header


def header_line(header: Header) -> dict[str, Any]:
    """The first line of a file."""
    return {"peerleap_records": SCHEMA, "config_hash": header.config_hash, **asdict(header)}


def _check_group(path: Path, number: int, group: list[PathRecord], record: PathRecord) -> None:
    if group and group[0].key != record.key:
        raise RecordsError(f"{path}:{number}: {group[0].key!r} has {len(group)} of its {group[0].paths} paths")


def _record(row: Mapping[str, Any]) -> PathRecord:
    fields = {**row, "verdict": Verdict(**row["verdict"]), "tokens": Tokens(**row["tokens"])}
    return PathRecord(**{**fields, "segments": tuple(row["segments"])})


def encode(value: object) -> bytes:
    """One line, without its newline; a model may write half a surrogate pair, which plain UTF-8 refuses."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
