"""Which session goes to which server: each stays where its prefix cache is, and no server gets more than others."""

import hashlib
import random
from collections import OrderedDict
from collections.abc import Sequence

_SESSIONS = 65_536
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0


class Placement:
    """Places sessions on servers. Not for several threads.

    A new session goes where the fewest sessions are; of servers with as few, to the one that rendezvous hashing
    prefers, so that another process that starts with the same sessions places them alike. It stays there until that
    server is gone, and then stays where it has gone.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self.servers = [*servers]
        self._homes: OrderedDict[str, str] = OrderedDict()
        self._sessions = dict.fromkeys(servers, 0)
        self._running = dict.fromkeys(servers, 0)
        self._gone: dict[str, tuple[int, float]] = {}
        """By server: how often in a row it was not reached, and when to try it again."""

    def place(self, session: str | None, now: float) -> str | None:
        """The server for a request; `None` where all are gone, and `pause` says for how long.

        Args:
            session: name of the path within its run.
            now: the event loop's time, in seconds.
        """
        there = [server for server in self.servers if not self.is_gone(server, now)]
        if not there:
            return None
        if session is None:
            return min(there, key=lambda server: self._running[server])
        home = self._homes.get(session)
        if home not in there:
            self.finish(session)
            home = min(there, key=lambda server: (self._sessions[server], -_score(session, server)))
            self._homes[session] = home
            self._sessions[home] += 1
            if len(self._homes) > _SESSIONS:
                self.finish(next(iter(self._homes)))
        self._homes.move_to_end(session)
        return home

    def is_gone(self, server: str, now: float) -> bool:
        """Whether a server is left alone for now."""
        return server in self._gone and self._gone[server][1] > now

    def pause(self, now: float) -> float:
        """Seconds until a server that is gone may be tried again."""
        return max(0.0, min(until for _, until in self._gone.values()) - now)

    def begin(self, server: str) -> None:
        """Count a request that is on its way to a server."""
        self._running[server] += 1

    def end(self, server: str) -> None:
        """Count it as ended."""
        self._running[server] -= 1

    def gone(self, server: str, now: float) -> bool:
        """A server cannot be reached: leave it alone for a while, longer each time; True the first time."""
        times, until = self._gone.get(server, (0, 0.0))
        if until > now:  # others have seen it, too
            return False
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**times)
        self._gone[server] = times + 1, now + pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return times == 0

    def back(self, server: str) -> bool:
        """A server answers; True where it had been gone."""
        return self._gone.pop(server, None) is not None

    def leave_out(self, server: str) -> None:
        """Use a server no more."""
        self.servers.remove(server)
        self._gone.pop(server, None)

    @property
    def running(self) -> int:
        """Requests that are on their way."""
        return sum(self._running.values())

    def finish(self, session: str) -> str | None:
        """Forget a session; returns where it was."""
        home = self._homes.pop(session, None)
        if home is not None:
            self._sessions[home] -= 1
        return home


def _score(session: str, server: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{session}\n{server}".encode()).digest()[:8])
