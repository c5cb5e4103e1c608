from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from langgraph.checkpoint.serde.base import SerializerProtocol

from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Stored
from peerleap.graph.errors import CheckpointError

try:
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool, PoolTimeout

    from peerleap.graph.checkpoints.advisory_locks import AdvisoryLocks
except ImportError as missing:
    raise CheckpointError(f"runs in Postgres need packages: pip install 'peerleap[postgres]' ({missing})") from missing

_CONNECT_SECONDS = 10.0
_NOTES = """
CREATE TABLE IF NOT EXISTS leap_notes (
    thread_id TEXT NOT NULL, namespace TEXT NOT NULL, task_id TEXT NOT NULL, number INTEGER NOT NULL,
    type TEXT NOT NULL, value BYTEA NOT NULL,
    PRIMARY KEY (thread_id, namespace, task_id, number)
)
"""
_COPY = (
    """
    INSERT INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    ) SELECT %(to)s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        jsonb_set(metadata, '{thread_id}', to_jsonb(%(to)s::text), false) - 'run_id'
    FROM checkpoints WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(to)s, checkpoint_ns, channel, version, type, blob FROM checkpoint_blobs WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO checkpoint_writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    ) SELECT %(to)s, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    FROM checkpoint_writes WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO leap_notes (thread_id, namespace, task_id, number, type, value)
    SELECT %(to)s, namespace, task_id, number, type, value FROM leap_notes WHERE thread_id = %(from)s
    """,
)
_STORED = """
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata ->> 'run_id' AS run_id
FROM checkpoints WHERE thread_id = ANY(%s)
"""
_DELETE_WRITES = """
DELETE FROM checkpoint_writes
WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
_DELETE = """
DELETE FROM checkpoints
WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
RETURNING thread_id, checkpoint_ns, checkpoint -> 'channel_versions' AS versions
"""
_DELETE_NOTES = """
DELETE FROM leap_notes WHERE (thread_id, namespace) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
# Values of channels are shared by the checkpoints in which they are the same.
_DELETE_BLOBS = """
DELETE FROM checkpoint_blobs AS b
USING unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS freed(thread_id, checkpoint_ns, channel, version)
WHERE b.thread_id = freed.thread_id AND b.checkpoint_ns = freed.checkpoint_ns
    AND b.channel = freed.channel AND b.version = freed.version
    AND NOT EXISTS (
        SELECT 1 FROM checkpoints c WHERE c.thread_id = b.thread_id AND c.checkpoint_ns = b.checkpoint_ns
        AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version
    )
"""


class PostgresCheckpointer(Checkpointer, PostgresSaver):  # type: ignore[misc]
    """Runs in a Postgres database; threads are locked with advisory locks."""

    def __init__(self, pool: Any, locks: AdvisoryLocks, name: str, serde: SerializerProtocol | None = None) -> None:
        PostgresSaver.__init__(self, pool, serde=serde)
        self._locks, self.name = locks, name

    @classmethod
    def open(cls, address: str, serde: SerializerProtocol | None = None) -> "PostgresCheckpointer":
        """Connect, and make the tables where there are none.

        Raises:
            CheckpointError: no connection, or no right to make tables.
        """
        parts = urlsplit(address)
        name = f"postgresql://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
        pool = ConnectionPool(
            address,
            min_size=1,
            max_size=8,
            timeout=_CONNECT_SECONDS,
            open=False,
            check=ConnectionPool.check_connection,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        )
        store = cls(pool, AdvisoryLocks(address, _CONNECT_SECONDS), name, serde)
        try:
            pool.open(wait=True, timeout=_CONNECT_SECONDS)
            store.setup()
            with store._cursor() as cursor:
                cursor.execute(_NOTES)
        except (psycopg.Error, PoolTimeout) as error:
            pool.close()
            raise CheckpointError(f"runs cannot be kept in {name} (PEERLEAP_RUNS): {_line(error)}") from error
        except CheckpointError:
            pool.close()
            raise
        return store

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Any]:
        try:
            with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor
        except (psycopg.Error, PoolTimeout) as error:
            raise self._broken(error) from error
        except (NotImplementedError, ValueError) as error:
            self._check_key(error)
            raise

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """An advisory lock, let go by the server when this process ends."""
        try:
            with self._locks.hold(thread_id):
                yield
        except psycopg.Error as error:
            raise self._broken(error) from error

    def threads(self) -> list[str]:
        """Ids of the threads that are stored, the one used last first."""
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' "
                "GROUP BY thread_id ORDER BY max(checkpoint_id) DESC"
            )
            return [row["thread_id"] for row in cursor.fetchall()]

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """Keep the `number`-th thing that a task has done before its result is stored."""
        row = (thread_id, namespace, task_id, number, *self.serde.dumps_typed(entry))
        with self._cursor() as cursor:
            cursor.execute(
                "INSERT INTO leap_notes VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (thread_id, namespace, task_id, "
                "number) DO UPDATE SET type = EXCLUDED.type, value = EXCLUDED.value",
                row,
            )

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """What a task had done, in order."""
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT type, value FROM leap_notes WHERE thread_id = %s AND namespace = %s AND task_id = %s "
                "ORDER BY number",
                (thread_id, namespace, task_id),
            )
            return [self.serde.loads_typed((row["type"], bytes(row["value"]))) for row in cursor.fetchall()]

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """Forget what the tasks of a graph had done: their results are stored."""
        with self._cursor() as cursor:
            cursor.execute("DELETE FROM leap_notes WHERE thread_id = %s AND namespace = %s", (thread_id, namespace))

    def delete_thread(self, thread_id: str) -> None:
        """As LangGraph's, notes included."""
        super().delete_thread(thread_id)
        with self._cursor() as cursor:
            cursor.execute("DELETE FROM leap_notes WHERE thread_id = %s", (thread_id,))

    def _copy(self, source: str, target: str) -> None:
        with self._cursor() as cursor, cursor.connection.transaction():
            for statement in _COPY:
                cursor.execute(statement, {"from": source, "to": target})

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        with self._cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT thread_id FROM checkpoints WHERE metadata ->> 'run_id' = ANY(%s)", ([*runs],)
            )
            return [row["thread_id"] for row in cursor.fetchall()]

    def _delete_some(self, threads: Sequence[str], choose: Callable[[Collection[Stored]], list[Stored]]) -> None:
        with self._cursor() as cursor, cursor.connection.transaction():
            cursor.execute(_STORED, ([*threads],))
            chosen = choose([Stored(*row.values()) for row in cursor.fetchall()])
            keys = _columns([one[:3] for one in chosen], 3)
            cursor.execute(_DELETE_WRITES, keys)
            cursor.execute(_DELETE, keys)
            freed = [
                (row["thread_id"], row["checkpoint_ns"], channel, str(version))
                for row in cursor.fetchall()
                for channel, version in row["versions"].items()
            ]
            cursor.execute(_DELETE_BLOBS, _columns(freed, 4))
            cursor.execute(_DELETE_NOTES, _columns([one[:2] for one in chosen], 2))

    def close(self) -> None:
        """Close the connections; what is stored stays."""
        self._locks.close()
        self.conn.close()

    def _broken(self, error: Exception) -> CheckpointError:
        return CheckpointError(
            f"the runs in {self.name} cannot be read or written: {_line(error)}; mend that, then resume"
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _columns(rows: Collection[Sequence[str]], width: int) -> list[list[str]]:
    """Rows as the arrays of their columns, as `unnest` takes them."""
    return [[row[column] for row in rows] for column in range(width)]
