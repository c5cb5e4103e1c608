"""`paths.jsonl`: what every path of a run did, one line each; the truth that reports and re-grading read.

The first line is the header. Lines are written a question's run at a time and synced, so that a killed process loses
at most the question it was writing: what a kill tore is dropped when the file is opened again. The header carries a
hash of the configuration, and a file of another configuration is refused: two never mix in one file.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from peerleap.evals.records.schema import Header, PathRecord, RecordsError, encode, header_line, parse


class Records:
    """An open records file: made or resumed by `Records.open`, then `append`ed to, one question's run at a time."""

    def __init__(self, path: Path, file: IO[bytes], done: set[tuple[str, int, str]], dropped: int, config: str) -> None:
        self.path = path
        self.dropped = dropped
        self.config_hash = config
        self._file = file
        # Keys only: a thousand questions' texts are gigabytes.
        self._done = done

    @classmethod
    def open(cls, path: str | Path, header: Header) -> Self:
        """Open `path` for this configuration, dropping what a kill tore (`dropped` bytes); raises `RecordsError`."""
        path = Path(path)
        check_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
        try:
            _lock(path, file)
            file.seek(0)
            stored, records, good = parse(path, file, texts=False)
            dropped = file.seek(0, os.SEEK_END) - good
            file.truncate(good)
            config_hash = (stored or header).config_hash
            if stored is None:
                _write(file, [header_line(header)])
                _sync_folder(path)
            else:
                _same_config(path, stored, header)
                if (stored.versions, stored.hardware) != (header.versions, header.hardware):
                    _write(file, [{"resumed": {"versions": header.versions, "hardware": header.hardware}}])
        except BaseException:
            file.close()
            raise
        return cls(path, file, {record.key for record in records}, dropped, config_hash)

    @property
    def done(self) -> frozenset[tuple[str, int, str]]:
        """The `(question id, run seed, method)` that need not run again."""
        return frozenset(self._done)

    @property
    def records(self) -> tuple[PathRecord, ...]:
        """Every path in the file, in the order of writing; read from the disk."""
        return tuple(read_records(self.path)[1])

    def append(self, paths: Sequence[PathRecord]) -> None:
        """Write all paths of one question's run and sync them to the disk; raises `RecordsError` for anything else."""
        if self._file.closed:
            raise RecordsError(f"{self.path}: the file is closed")
        keys = {record.key for record in paths}
        if len(keys) != 1 or len({record.path for record in paths}) != len(paths):
            raise RecordsError(
                f"{sorted(keys)!r}: the paths of exactly one question's run are needed, each with its own name"
            )
        key = keys.pop()
        if {record.paths for record in paths} != {len(paths)}:
            raise RecordsError(f"{key!r}: {len(paths)} paths here, but paths={paths[0].paths!r}")
        if key in self._done:
            raise RecordsError(f"{key!r} is already in {self.path}")
        self._done.add(key)
        try:
            _write(self._file, [_row(record) for record in paths])
        except BaseException:
            self._done.discard(key)
            raise

    def close(self) -> None:
        """Close the file and release it for other processes."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def read_records(path: str | Path, *, texts: bool = True) -> tuple[Header, list[PathRecord]]:
    """Header and paths of a finished or running file, without touching it; a torn end is left out.

    Without `texts`, the paths come without their own text and segments, which are most of the file.
    """
    check_file(path)
    with Path(path).open("rb") as file:
        header, records, _ = parse(Path(path), file, texts=texts)
    if header is None:
        raise RecordsError(f"{path}: no header line; not a records file")
    return header, records


def check_file(path: str | Path) -> None:
    """Refuse what is no file: a pipe would be waited for, and a device has no end.

    Raises:
        RecordsError: it is there, and something else.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise RecordsError(f"{path}: this is a folder, a device or a pipe; give the name of a results file")


def _row(record: PathRecord) -> dict[str, Any]:
    row = asdict(record)
    if not record.tokens.probe:
        del row["tokens"]["probe"]  # most methods ask nothing
    return row


def _same_config(path: Path, stored: Header, header: Header) -> None:
    if stored.config_hash == header.config_hash:
        return
    there, here = json.loads(encode(stored.config)), json.loads(encode(header.config))
    differing = [name for name in sorted(there.keys() | here.keys()) if there.get(name) != here.get(name)]
    if differing == ["task"] and "data" in here:
        return  # the same questions under another path: `./sums.jsonl` is `sums.jsonl`
    named = ", ".join(f"{name}={there.get(name)!r} there, {here.get(name)!r} here" for name in differing[:3])
    raise RecordsError(f"{path} holds another configuration ({named}): choose another file, or the same settings")


def _lock(path: Path, file: IO[bytes]) -> None:
    # The kernel releases it when the process dies, however it dies.
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RecordsError(f"{path} is being written by another process") from None


def _write(file: IO[bytes], rows: Sequence[Mapping[str, Any]]) -> None:
    lines = b"".join(encode(row) + b"\n" for row in rows)
    before = os.fstat(file.fileno()).st_size
    try:
        # Unbuffered, so that nothing half-written waits to be flushed later.
        while lines:
            lines = lines[os.write(file.fileno(), lines) :]
        os.fsync(file.fileno())
    except BaseException:  # a full disk, or Ctrl-C in a notebook, which goes on with the same file
        os.ftruncate(file.fileno(), before)
        raise


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
