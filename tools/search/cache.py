"""Answers of search engines and pages, cached for a day."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_PURGE_EVERY: Final = 256
_MOST_ROWS: Final = 4096
_APPLICATION: Final = 0x504C5343  # "PLSC", in the header of each file of ours


class SearchCache:
    """JSON values in SQLite, shared by threads and processes. A file that cannot be used is a miss, never an error.

    Args:
        path: the file, readable for its owner only since it holds what peers searched for; `None` is memory.
        ttl_s: seconds that a value is valid.
        clock: the time in seconds since 1970.

    Raises:
        ValueError: the file exists and is no cache of this kind; it is left as it is.
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
        """The value under `key`; `None` when there is none that is young enough."""
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
        """Stores a JSON value under `key`."""
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
        _check_own(path)
        path.touch(mode=0o600)
    database = sqlite3.connect(path or ":memory:", timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        if database.execute("PRAGMA application_id").fetchone() != (_APPLICATION,):
            # Before WAL: now it goes into the file itself, where another process looks.
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, value TEXT, at REAL) STRICT")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _check_own(path: Path) -> None:
    """Refuse a file of something else: a path from a team file must not change another program's data."""
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    if path.is_file():
        with path.open("rb") as file:
            header = file.read(100)
        # Bytes 68 to 71 of a SQLite header are the application's number.
        if header.startswith(b"SQLite format 3\0") and header[68:72] == _APPLICATION.to_bytes(4, "big"):
            return
    raise ValueError(f"cache={str(path)!r}: the file is no search cache; give another path, or delete it")
