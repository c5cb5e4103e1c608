"""One run a thread in Postgres: advisory locks, which the server lets go when their connection ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from threading import Lock
from typing import Any

import psycopg

from peerleap.graph.errors import ThreadBusy


class AdvisoryLocks:
    """The locks of all runs of a store, on one connection: runs that go on side by side take none of a pool's."""

    def __init__(self, address: str, connect_seconds: float) -> None:
        self._address, self._connect_seconds = address, connect_seconds
        self._guard = Lock()
        self._connection: Any = None
        self._held: set[int] = set()

    @contextmanager
    def hold(self, thread_id: str) -> Iterator[None]:
        """Hold the lock of a thread.

        Raises:
            ThreadBusy: somebody holds it.
            psycopg.Error: no connection.
        """
        digest = blake2b(f"peerleap\x1f{thread_id}".encode("utf-8", "replace"), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        with self._guard:
            # A connection may take a lock that it has.
            if key in self._held or not self._taken(key):
                raise ThreadBusy(thread_id)
            connection = self._connection
            self._held.add(key)
        try:
            yield
        finally:
            with self._guard:
                self._held.discard(key)
                # A server that has gone away has let go of the lock.
                if not connection.closed:
                    try:
                        connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
                    except psycopg.Error:
                        connection.close()

    def _taken(self, key: int) -> bool:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.OperationalError):  # the server may have been restarted
                return self._ask(key)
            self._connection.close()
        self._connection = psycopg.connect(self._address, autocommit=True, connect_timeout=int(self._connect_seconds))
        return self._ask(key)

    def _ask(self, key: int) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        return bool(row[0])

    def close(self) -> None:
        """Let go of everything."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
