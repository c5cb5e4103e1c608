"""At most one run a thread in Postgres: advisory locks, which the server releases when their connection ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from threading import Lock
from typing import Any

import psycopg

from peerleap.graph.errors import ThreadBusy


class AdvisoryLocks:
    """The locks of all runs of a checkpointer, on one connection, so that concurrent runs take none of the pool's."""

    def __init__(self, address: str, connect_seconds: float) -> None:
        self._address, self._connect_seconds = address, connect_seconds
        self._guard = Lock()
        self._connection: Any = None
        self._held: set[int] = set()

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """Hold the lock of a thread.

        Args:
            thread_id: the thread.

        Raises:
            ThreadBusy: another run holds it.
            psycopg.Error: no connection.
        """
        digest = blake2b(f"peerleap\x1f{thread_id}".encode("utf-8", "replace"), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        with self._guard:
            # Postgres grants a lock again to the connection that has it.
            if key in self._held or not self._take(key):
                raise ThreadBusy(thread_id)
            connection = self._connection
            self._held.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._held.discard(key)
                # A server that is gone has released the lock.
                if not connection.closed:
                    try:
                        connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
                    except psycopg.Error:
                        connection.close()

    def _take(self, key: int) -> bool:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.OperationalError):  # the server may have been restarted
                return self._try(key)
            self._connection.close()
        self._connection = psycopg.connect(self._address, autocommit=True, connect_timeout=int(self._connect_seconds))
        return self._try(key)

    def _try(self, key: int) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        return bool(row[0])

    def close(self) -> None:
        """Release all locks."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
