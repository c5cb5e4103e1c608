"""Keeps each session on one replica of a data-parallel engine, where its prefix cache is."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

_SESSIONS = 65_536


class Replicas:
    """Assigns sessions to data-parallel ranks: a new one goes where the fewest sessions are, and stays there."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._ranks: OrderedDict[str, int] = OrderedDict()
        self._sessions = [0] * count

    def rank(self, session: str | None) -> int | None:
        """The rank for a request; `None` leaves it to vLLM: there is one replica only, or no session.

        Args:
            session: name of the path within its run.
        """
        if session is None or len(self._sessions) < 2:
            return None
        with self._lock:
            if session not in self._ranks:
                if len(self._ranks) == _SESSIONS:
                    _, freed = self._ranks.popitem(last=False)
                    self._sessions[freed] -= 1
                rank = self._ranks[session] = self._sessions.index(min(self._sessions))
                self._sessions[rank] += 1
            self._ranks.move_to_end(session)
            return self._ranks[session]

    def finish(self, sessions: Iterable[str]) -> None:
        """Count sessions no more that have ended."""
        with self._lock:
            for session in sessions:
                if (rank := self._ranks.pop(session, None)) is not None:
                    self._sessions[rank] -= 1
