import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver

from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Stored
from peerleap.graph.errors import CheckpointError, ThreadBusy

_BUSY_SECONDS = 30.0
_NOTES = """
CREATE TABLE IF NOT EXISTS leap_notes (
    thread_id TEXT NOT NULL, namespace TEXT NOT NULL, task_id TEXT NOT NULL, number INTEGER NOT NULL,
    type TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (thread_id, namespace, task_id, number)
)
"""
# Metadata are JSON, stored as bytes.
_THREADS_OF = """
SELECT DISTINCT thread_id FROM checkpoints
WHERE json_extract(CAST(metadata AS TEXT), '$.run_id') IN (SELECT value FROM json_each(?))
"""
_STORED = """
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id,
    json_extract(CAST(metadata AS TEXT), '$.run_id')
FROM checkpoints WHERE thread_id IN (SELECT value FROM json_each(?))
"""
_DELETE = (
    "DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
    "DELETE FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
)
_DELETE_NOTES = "DELETE FROM leap_notes WHERE thread_id = ? AND namespace = ?"
_COPY = (
    """
    INSERT INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    ) SELECT :to, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        CAST(json_remove(json_replace(CAST(metadata AS TEXT), '$.thread_id', :to), '$.run_id') AS BLOB)
    FROM checkpoints WHERE thread_id = :from
    """,
    """
    INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    SELECT :to, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
    FROM writes WHERE thread_id = :from
    """,
    """
    INSERT INTO leap_notes (thread_id, namespace, task_id, number, type, value)
    SELECT :to, namespace, task_id, number, type, value FROM leap_notes WHERE thread_id = :from
    """,
)


class SqliteCheckpointer(Checkpointer, SqliteSaver):
    """Runs in one SQLite file, beside it a folder with a lock for each thread."""

    def __init__(self, conn: sqlite3.Connection, file: Path, serde: SerializerProtocol | None = None) -> None:
        SqliteSaver.__init__(self, conn, serde=serde)
        self.file, self.name = file, str(file)
        self._inode = file.stat().st_ino

    @classmethod
    def open(cls, file: Path, serde: SerializerProtocol | None = None) -> "SqliteCheckpointer":
        """Open the file, or make it, its folder readable by its owner only.

        Raises:
            CheckpointError: the folder or the file cannot be made, or the file is something else.
        """
        file = file.absolute()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            conn = sqlite3.connect(file, check_same_thread=False, timeout=_BUSY_SECONDS)
            store = cls(conn, file.resolve(), serde)
            with store.cursor() as cursor:
                cursor.execute(_NOTES)
        except (OSError, sqlite3.Error) as error:
            raise CheckpointError(f"runs cannot be kept in {str(file)!r} (PEERLEAP_RUNS): {error}") from error
        return store

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
            except (NotImplementedError, ValueError) as error:
                self._check_key(error)
                raise

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """A lock file for the thread, let go by the system when the process ends."""
        folder = self.file.with_name(self.file.name + ".locks")
        name = blake2b(thread_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
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
        """Ids of the threads that are stored, the one used last first."""
        with self.cursor(transaction=False) as cursor:
            cursor.execute(
                "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' "
                "GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
            )
            return [thread_id for (thread_id,) in cursor.fetchall()]

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """Keep the `number`-th thing that a task has done before its result is stored."""
        row = (thread_id, namespace, task_id, number, *self.serde.dumps_typed(entry))
        with self.cursor() as cursor:
            cursor.execute("INSERT OR REPLACE INTO leap_notes VALUES (?, ?, ?, ?, ?, ?)", row)

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """What a task had done, in order."""
        with self.cursor(transaction=False) as cursor:
            cursor.execute(
                "SELECT type, value FROM leap_notes WHERE thread_id = ? AND namespace = ? AND task_id = ? "
                "ORDER BY number",
                (thread_id, namespace, task_id),
            )
            return [self.serde.loads_typed(row) for row in cursor.fetchall()]

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """Forget what the tasks of a graph had done: their results are stored."""
        with self.cursor() as cursor:
            cursor.execute(_DELETE_NOTES, (thread_id, namespace))

    def delete_thread(self, thread_id: str) -> None:
        """As LangGraph's, notes included."""
        super().delete_thread(thread_id)
        with self.cursor() as cursor:
            cursor.execute("DELETE FROM leap_notes WHERE thread_id = ?", (thread_id,))

    def _copy(self, source: str, target: str) -> None:
        with self.cursor() as cursor:
            for statement in _COPY:
                cursor.execute(statement, {"from": source, "to": target})

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        with self.cursor(transaction=False) as cursor:
            cursor.execute(_THREADS_OF, (json.dumps([*runs]),))
            return [thread_id for (thread_id,) in cursor.fetchall()]

    def _delete_some(self, threads: Sequence[str], choose: Callable[[Collection[Stored]], list[Stored]]) -> None:
        with self.cursor() as cursor:
            cursor.execute(_STORED, (json.dumps([*threads]),))
            chosen = choose([Stored(*row) for row in cursor.fetchall()])
            for statement in _DELETE:
                cursor.executemany(statement, [one[:3] for one in chosen])
            cursor.executemany(_DELETE_NOTES, {one[:2] for one in chosen})

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
