"""Runs in a Postgres database; threads are locked with advisory locks."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from peerleap.graph.checkpoints import postgres_statements as sql
from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pruning import Compacted, Stored
from peerleap.graph.checkpoints.sealing import check_thread_id
from peerleap.graph.checkpoints.serializer import StrictSerializer
from peerleap.graph.errors import CheckpointError

try:
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg.rows import dict_row
    from psycopg.types.json import Jsonb
    from psycopg_pool import ConnectionPool, PoolTimeout

    from peerleap.graph.checkpoints.advisory_locks import AdvisoryLocks
except ImportError as missing:
    raise CheckpointError(f"runs in Postgres need packages: pip install 'peerleap[postgres]' ({missing})") from missing

_CONNECT_SECONDS = 10.0
# The channel that holds, sealed, what Postgres stores of a checkpoint as plain JSON.
_SEAL = "leap_seal"


class PostgresCheckpointer(Checkpointer, PostgresSaver):  # type: ignore[misc]
    """Runs in a Postgres database."""

    def __init__(self, pool: Any, locks: AdvisoryLocks, name: str, serde: StrictSerializer | None = None) -> None:
        PostgresSaver.__init__(self, pool, serde=serde or StrictSerializer())
        self._locks, self.name = locks, name

    @classmethod
    def open(cls, address: str, serde: StrictSerializer | None = None) -> "PostgresCheckpointer":
        """Connect, and create the tables where there are none.

        Args:
            address: a `postgresql://` address.
            serde: how values are stored; without encryption by default.

        Returns:
            The checkpointer.

        Raises:
            CheckpointError: no connection, or no right to create tables.
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
        opened = cls(pool, AdvisoryLocks(address, _CONNECT_SECONDS), name, serde)
        try:
            # It says at once, and why; the pool would try again for all these seconds, log each time, and say neither.
            psycopg.connect(address, connect_timeout=int(_CONNECT_SECONDS)).close()
            pool.open(wait=True, timeout=_CONNECT_SECONDS)
            opened.setup()
            with opened._cursor() as cursor:
                for statement in sql.TABLES:
                    cursor.execute(statement)
            opened.check_key()
        except (psycopg.Error, PoolTimeout) as error:
            pool.close()
            raise CheckpointError(f"runs cannot be stored in {name} (PEERLEAP_RUNS): {_line(error)}") from error
        except CheckpointError:
            pool.close()
            raise
        return opened

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Any]:
        try:
            with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor
        except (psycopg.Error, PoolTimeout) as error:
            raise self._broken(error) from error

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """An advisory lock; the server releases it when this process ends."""
        check_thread_id(thread_id)
        try:
            with self._locks.hold(thread_id):
                yield
        except psycopg.Error as error:
            raise self._broken(error) from error

    def threads(self) -> list[str]:
        """Ids of the stored threads, the most recently used first."""
        return [row["thread_id"] for row in self._rows(sql.THREADS)]

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """As `Checkpointer.note`."""
        place = (thread_id, namespace, task_id)
        with self._cursor() as cursor:
            cursor.execute(sql.NOTE, (*place, number, *self._sealed_note(entry, *place, str(number))))

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """As `Checkpointer.notes`."""
        place = (thread_id, namespace, task_id)
        with self._reading(thread_id):
            rows = self._rows(sql.NOTES, *place)
            return [self._opened_note(row["type"], row["value"], *place, str(row["number"])) for row in rows]

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """As `Checkpointer.drop_notes`."""
        with self._cursor() as cursor:
            cursor.execute(sql.DROP_NOTES, (thread_id, namespace))

    def delete_thread(self, thread_id: str) -> None:
        """As LangGraph's, notes included."""
        super().delete_thread(thread_id)
        with self._cursor() as cursor:
            for statement in sql.DELETE_THREAD:
                cursor.execute(statement, (thread_id,))

    def _rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with self._cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[dict[str, Any]] = cursor.fetchall()
            return rows

    def _sealed(self, checkpoint: Any, new_versions: Any, place: tuple[str, ...]) -> Any:
        thread, namespace, checkpoint_id = place
        versions = checkpoint["channel_versions"]
        values = {
            key: self.serde.seal(value, "blob", thread, namespace, key, str(versions.get(key, "")))
            for key, value in checkpoint["channel_values"].items()
        }
        rest = {**checkpoint, "channel_values": [*values]}
        values[_SEAL] = self.serde.seal(rest, "blob", thread, namespace, _SEAL, checkpoint_id)
        seal = {_SEAL: checkpoint_id}
        stored = {**checkpoint, "channel_values": values, "channel_versions": {**versions, **seal}}
        return stored, {**new_versions, **seal}

    def _unsealed(self, stored: Any, place: tuple[str, ...]) -> Any:
        thread, namespace, checkpoint_id = place
        values = stored["channel_values"]
        rest = self.serde.open(values.get(_SEAL), "blob", thread, namespace, _SEAL, checkpoint_id)
        versions = rest["channel_versions"]
        if missing := sorted(set(rest["channel_values"]) - set(values)):
            raise CheckpointError(f"its channel {missing[0]!r} is missing")
        return {
            **rest,
            "channel_values": {
                key: self.serde.open(values[key], "blob", thread, namespace, key, str(versions.get(key, "")))
                for key in rest["channel_values"]
            },
        }

    def _copy(self, source: str, target: str) -> None:
        with self._reading(source), self._cursor() as cursor, cursor.connection.transaction():
            for statement in sql.COPY:
                cursor.execute(statement, {"from": source, "to": target})
            if not self.serde.seals:
                return
            for table, kind, (*columns, value) in sql.SEALED:
                query = f"SELECT ctid::text, type, {value}, {', '.join(columns)} FROM {table} WHERE thread_id = %s"  # noqa: S608
                for row, stored, data, *place in [[*r.values()] for r in cursor.execute(query, (target,)).fetchall()]:
                    moved = self._moved(stored, data, kind, source, target, *map(str, place))
                    update = f"UPDATE {table} SET type = %s, {value} = %s WHERE ctid = %s::text::tid"  # noqa: S608
                    cursor.execute(update, (*moved, row))
            for metadata, *place in [[*r.values()] for r in cursor.execute(sql.METADATA, (target,)).fetchall()]:
                changed = self._moved_metadata(metadata, source, target, *place)
                cursor.execute(sql.SET_METADATA, (Jsonb(changed), target, *place))

    def _compacted_rows(self, thread_id: str, namespace: str, checkpoint_id: str) -> list[tuple[str, str, bytes]]:
        rows = self._rows(sql.COMPACTED, thread_id, namespace, checkpoint_id)
        return [(row["channel"], row["type"], row["value"]) for row in rows]

    def _parents(self, thread_id: str, namespace: str) -> dict[str, str | None]:
        rows = self._rows(sql.PARENTS, thread_id, namespace)
        return {row["checkpoint_id"]: row["parent_checkpoint_id"] for row in rows}

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        return [row["thread_id"] for row in self._rows(sql.THREADS_OF, [*runs])]

    def _stored(self, threads: Sequence[str]) -> list[Stored]:
        return [Stored(*row.values()) for row in self._rows(sql.STORED, [*threads])]

    def _delete(self, deleted: Collection[Stored], heirs: Collection[Stored], rows: Sequence[Compacted]) -> None:
        with self._cursor() as cursor, cursor.connection.transaction():
            keys = _columns([one[:3] for one in deleted], 3)
            cursor.execute(sql.DELETE_WRITES, keys)
            cursor.execute(sql.DELETE_COMPACTED, keys)
            cursor.execute(sql.DELETE, keys)
            freed = [
                (row["thread_id"], row["checkpoint_ns"], channel, str(version))
                for row in cursor.fetchall()
                for channel, version in row["versions"].items()
            ]
            cursor.execute(sql.DELETE_BLOBS, _columns(freed, 4))
            cursor.execute(sql.DELETE_NOTES, _columns([one[:2] for one in deleted], 2))
            cursor.execute(sql.BEHEAD, _columns([one[:3] for one in heirs], 3))
            cursor.executemany(sql.COMPACT, rows)

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
