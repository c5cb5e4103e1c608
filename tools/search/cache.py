"""Answers of search engines and pages, kept for a day."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["SearchCache"]

_PURGE_EVERY: Final = 256
_MOST_ROWS: Final = 4096


class SearchCache:
    """JSON values in SQLite, shared by threads and processes. What goes wrong with it is a miss, never an error.

    `path=None` keeps it in memory. On disk it holds what peers searched for, readable for the user only.
    """

    def __init__(
        self, path: str | Path | None = None, *, ttl_s: float = 86_400.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._ttl = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._puts = 0
        self._database: sqlite3.Connection | None = None
        with suppress(sqlite3.Error, OSError):
            self._database = _opened(path)

    def get(self, *key: object) -> Any | None:
        """The value, or `None` when there is none young enough."""
        with self._lock, suppress(sqlite3.Error, ValueError):
            if self._database is not None:
                query = "SELECT value FROM answer WHERE key = ? AND at > ?"
                row = self._database.execute(query, (json.dumps(key), self._clock() - self._ttl)).fetchone()
                return json.loads(row[0]) if row else None
        return None

    async def aget(self, *key: object) -> Any | None:
        """As `get`, for event loops, which a file must not block."""
        return await asyncio.to_thread(self.get, *key)

    async def aput(self, value: Any, *key: object) -> None:
        """As `put`, for event loops."""
        await asyncio.to_thread(self.put, value, *key)

    def put(self, value: Any, *key: object) -> None:
        """Keeps a JSON value."""
        with self._lock, suppress(sqlite3.Error, ValueError):
            if self._database is None:
                return
            if self._puts % _PURGE_EVERY == 0:
                newest = "SELECT key FROM answer WHERE at > ? ORDER BY at DESC LIMIT ?"
                limits = (self._clock() - self._ttl, _MOST_ROWS)
                self._database.execute(f"DELETE FROM answer WHERE key NOT IN ({newest})", limits)  # noqa: S608
            self._puts += 1
            row = (json.dumps(key), json.dumps(value), self._clock())
            self._database.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None


def _opened(path: str | Path | None) -> sqlite3.Connection:
    if path is not None:
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    database = sqlite3.connect(path or ":memory:", timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, value TEXT, at REAL) STRICT")
    except sqlite3.Error:
        database.close()
        raise
    return database
