"""Runs in one SQLite file, beside it a folder with a lock for each thread."""

import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from langgraph.checkpoint.sqlite import SqliteSaver

from peerleap.graph.checkpoints import sqlite_statements as sql
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Compacted, Stored
from peerleap.graph.checkpoints.sealing import check_thread_id
from peerleap.graph.checkpoints.serializer import StrictSerializer
from peerleap.graph.errors import CheckpointError, ThreadBusy

_BUSY_SECONDS = 30.0


class SqliteCheckpointer(Checkpointer, SqliteSaver):
    """Runs in one SQLite file."""

    def __init__(self, conn: sqlite3.Connection, file: Path, serde: StrictSerializer | None = None) -> None:
        SqliteSaver.__init__(self, conn, serde=serde or StrictSerializer())
        self.file, self.name = file, str(file)
        self._inode = file.stat().st_ino

    @classmethod
    def open(cls, file: Path, serde: StrictSerializer | None = None) -> "SqliteCheckpointer":
        """Open the file, or create it, readable by its owner only.

        Args:
            file: path of the database.
            serde: how values are stored; without encryption by default.

        Returns:
            The checkpointer.

        Raises:
            CheckpointError: the folder or the file cannot be created, or the file is something else.
        """
        file = file.absolute()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            conn = sqlite3.connect(file, check_same_thread=False, timeout=_BUSY_SECONDS)
            # A file from elsewhere may hold more than rows: nothing in its schema may run.
            conn.execute("PRAGMA trusted_schema=OFF")
            if foreign := conn.execute(sql.PROGRAMS).fetchone():
                conn.close()
                raise CheckpointError(f"{str(file)!r} is no file of runs: it holds a {foreign[0]}, {foreign[1]!r:.60}")
            opened = cls(conn, file.resolve(), serde)
            with opened.cursor() as cursor:
                for statement in sql.TABLES:
                    cursor.execute(statement)
        except (OSError, ValueError, sqlite3.Error) as error:
            raise CheckpointError(f"runs cannot be stored in {str(file)!r} (PEERLEAP_RUNS): {error}") from error
        opened.check_key()
        return opened

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """A cursor; what is written through it is stored as a whole or not at all."""
        with self.lock:
            try:
                if transaction:
                    self._check_file()
                self.setup()
                cursor = self.conn.cursor()
                try:
                    yield cursor
                    if transaction:
                        self.conn.commit()
                except BaseException:
                    # A half of a path's update must not count as all of it.
                    self.conn.rollback()
                    raise
                finally:
                    cursor.close()
            except sqlite3.Error as error:
                raise self._broken(str(error)) from error

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """A lock file for the thread; the system releases it when the process ends."""
        check_thread_id(thread_id)
        folder = self.file.with_name(self.file.name + ".locks")
        name = blake2b(thread_id.encode(), digest_size=16).hexdigest()
        lock = FileLock(folder / f"{name}.lock", thread_local=False)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout:
            raise ThreadBusy(thread_id) from None
        except OSError as error:
            raise self._broken(str(error)) from error
        try:
            yield
        finally:
            lock.release()

    def threads(self) -> list[str]:
        """Ids of the stored threads, the most recently used first."""
        with self.cursor(transaction=False) as cursor:
            return [thread_id for (thread_id,) in cursor.execute(sql.THREADS)]

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """As `Checkpointer.note`."""
        place = (thread_id, namespace, task_id)
        row = (*place, number, *self._sealed_note(entry, *place, str(number)))
        with self.cursor() as cursor:
            cursor.execute("INSERT OR REPLACE INTO leap_notes VALUES (?, ?, ?, ?, ?, ?)", row)

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """As `Checkpointer.notes`."""
        place = (thread_id, namespace, task_id)
        with self._reading(thread_id), self.cursor(transaction=False) as cursor:
            rows = cursor.execute(sql.NOTES, place).fetchall()
            return [self._opened_note(kind, value, *place, str(number)) for number, kind, value in rows]

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """As `Checkpointer.drop_notes`."""
        with self.cursor() as cursor:
            cursor.execute(sql.DELETE_NOTES, (thread_id, namespace))

    def delete_thread(self, thread_id: str) -> None:
        """As LangGraph's, notes included."""
        super().delete_thread(thread_id)
        with self.cursor() as cursor:
            for statement in sql.DELETE_THREAD:
                cursor.execute(statement, (thread_id,))

    def _copy(self, source: str, target: str) -> None:
        with self._reading(source), self.cursor() as cursor:
            for statement in sql.COPY:
                cursor.execute(statement, {"from": source, "to": target})
            if not self.serde.seals:
                return
            for table, kind, columns in sql.SEALED:
                query = f"SELECT rowid, type, {columns[-1]}, {', '.join(columns[:-1])} FROM {table} WHERE thread_id = ?"  # noqa: S608
                for row, stored, value, *place in cursor.execute(query, (target,)).fetchall():
                    moved = self._moved(stored, value, kind, source, target, *map(str, place))
                    update = f"UPDATE {table} SET type = ?, {columns[-1]} = ? WHERE rowid = ?"  # noqa: S608
                    cursor.execute(update, (*moved, row))
            for row, metadata, *place in cursor.execute(sql.METADATA, (target,)).fetchall():
                changed = self._moved_metadata(json.loads(metadata), source, target, *place)
                cursor.execute(
                    "UPDATE checkpoints SET metadata = ? WHERE rowid = ?", (json.dumps(changed).encode(), row)
                )

    def _compacted_rows(self, thread_id: str, namespace: str, checkpoint_id: str) -> list[tuple[str, str, bytes]]:
        with self.cursor(transaction=False) as cursor:
            return cursor.execute(sql.COMPACTED, (thread_id, namespace, checkpoint_id)).fetchall()

    def _parents(self, thread_id: str, namespace: str) -> dict[str, str | None]:
        with self.cursor(transaction=False) as cursor:
            return dict(cursor.execute(sql.PARENTS, (thread_id, namespace)).fetchall())

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        with self.cursor(transaction=False) as cursor:
            return [thread_id for (thread_id,) in cursor.execute(sql.THREADS_OF, (json.dumps([*runs]),))]

    def _stored(self, threads: Sequence[str]) -> list[Stored]:
        with self.cursor(transaction=False) as cursor:
            return [Stored(*row) for row in cursor.execute(sql.STORED, (json.dumps([*threads]),))]

    def _delete(self, deleted: Collection[Stored], heirs: Collection[Stored], rows: Sequence[Compacted]) -> None:
        with self.cursor() as cursor:
            for statement in sql.DELETE:
                cursor.executemany(statement, [one[:3] for one in deleted])
            cursor.executemany(sql.DELETE_NOTES, {one[:2] for one in deleted})
            cursor.executemany(sql.BEHEAD, [one[:3] for one in heirs])
            cursor.executemany("INSERT OR REPLACE INTO leap_compacted VALUES (?, ?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file; what is stored stays."""
        with self.lock:
            self.conn.close()

    def _check_file(self) -> None:
        # SQLite would go on writing into a file that has been deleted.
        try:
            same = os.stat(self.file).st_ino == self._inode  # noqa: PTH116
        except OSError:
            same = False
        if not same:
            raise self._broken("the file is gone, or another one has taken its place")

    def _broken(self, reason: str) -> CheckpointError:
        return CheckpointError(f"the runs in {self.name!r} cannot be read or written: {reason}; mend that, then resume")
