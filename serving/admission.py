"""Who runs, who waits and who is sent away: paths at once, tokens per minute, a queue with a bound."""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from peerleap.serving.errors import RequestError

T = TypeVar("T")

_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server takes on."""

    paths_at_once: int = 256
    """Paths that run at the same time, all clients together; other requests wait."""
    paths_per_key: int | None = None
    """The same of one key; `None` for no other limit."""
    queue: int = 256
    """Requests that may wait; more are answered with 429."""
    tokens_per_minute: int | None = None
    """Tokens that one key may have generated within a minute; `None` for no limit."""
    body_bytes: int = 4 * 1024 * 1024
    """Size of a request's body."""

    def __post_init__(self) -> None:
        for name in ("paths_at_once", "paths_per_key", "tokens_per_minute", "body_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value!r}: give at least 1")
        if self.queue < 0:
            raise ValueError(f"queue={self.queue!r}: give 0 or more")

    @property
    def most_paths(self) -> int:
        """Paths that one request may have."""
        return min(self.paths_at_once, self.paths_per_key or self.paths_at_once)


class Ticket:
    """One request's place: first in the queue, then among those that run."""

    def __init__(self, admission: "Admission", client: str, paths: int) -> None:
        self.client, self.paths = client, paths
        self._admission = admission
        self._turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._began: float | None = None
        self._task: asyncio.Task[Any] | None = None

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """A task that waits for the turn, then works; the place is free again when it ends, however it ends.

        It raises a `RequestError` with status 503 where the server stops.
        """
        self._task = asyncio.create_task(self._run(work))
        self._task.add_done_callback(self._ended)  # not in `_run`: it may be cancelled before that begins
        return self._task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._admission.leave(self)
        if not task.cancelled():
            task.exception()  # a client that has left does not look at it

    async def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            await self._turn
            self._began = time.monotonic()
            return await work()
        except asyncio.CancelledError:
            if self._admission.stopped:
                raise _stopping() from None
            raise

    @property
    def seconds(self) -> float | None:
        """How long it has worked by now; `None` where it has not begun."""
        return None if self._began is None else time.monotonic() - self._began

    def call(self) -> None:
        """Its turn has come."""
        if not self._turn.done():
            self._turn.set_result(None)

    def refuse(self) -> None:
        """Its turn will not come: the server stops."""
        if not self._turn.done():
            self._turn.set_exception(_stopping())

    def cancel(self) -> None:
        """Stop what it does."""
        if self._task is not None:
            self._task.cancel()


class Admission:
    """The queue of one server; lives on one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closed = self.stopped = False
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._spent: dict[str, deque[tuple[float, int]]] = {}
        self._mean = 10.0

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests that run."""
        return len(self._running)

    @property
    def running_paths(self) -> int:
        """Their paths."""
        return sum(ticket.paths for ticket in self._running)

    def enter(self, client: str, paths: int) -> Ticket:
        """A place for a request, at once; its turn comes within `Ticket.begin`.

        Raises:
            RequestError: 400, more paths than one request may have; 429, the queue is full or the client's tokens are
                used up; 503, the server stops.
        """
        if self.closed:
            raise _stopping()
        self.check_paths(paths)
        if (wait := self._seconds_to_wait(client)) is not None:
            raise RequestError(
                429,
                f"{self.limits.tokens_per_minute} generated tokens a minute are used up; again in {wait} s",
                code="rate_limit_exceeded",
                retry_after=wait,
            )
        ticket = Ticket(self, client, paths)
        if not self._waiting and self._fits(ticket):
            self._start(ticket)
        elif len(self._waiting) >= self.limits.queue:
            wait = max(1, min(60, math.ceil(self._mean)))
            raise RequestError(
                429, f"{self.waiting} requests wait; again in {wait} s", code="queue_full", retry_after=wait
            )
        else:
            self._waiting.append(ticket)
            self._call_next()
        return ticket

    def check_paths(self, paths: int) -> None:
        """Refuse a request with more paths than one may have.

        Raises:
            RequestError: 400.
        """
        if paths > (most := self.limits.most_paths):
            raise RequestError(400, f"paths={paths!r}: this server takes at most {most} a request", param="leap.paths")

    def spend(self, client: str, tokens: int) -> None:
        """Count tokens that a client's request has generated."""
        if self.limits.tokens_per_minute is not None and tokens:
            self._spent.setdefault(client, deque()).append((time.monotonic(), tokens))

    def leave(self, ticket: Ticket) -> None:
        """A request has ended, or its client has gone."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
        if ticket in self._running:
            self._running.remove(ticket)
            if (seconds := ticket.seconds) is not None:
                self._mean += (seconds - self._mean) / 8
        self._call_next()

    def close(self) -> None:
        """Take nobody in any more, and send away who waits; who runs goes on."""
        self.closed = True
        for ticket in self._waiting:
            ticket.refuse()

    def stop(self) -> None:
        """Stop who runs, too."""
        self.close()
        self.stopped = True
        for ticket in self._running:
            ticket.cancel()

    def _call_next(self) -> None:
        """Start who fits, first come, first served; who waits for its own key holds up nobody else."""
        if self.closed:
            return
        held_up: set[str] = set()
        for ticket in [*self._waiting]:
            if ticket.client in held_up:
                continue
            if self._fits(ticket):
                self._waiting.remove(ticket)
                self._start(ticket)
            elif self._key_fits(ticket):
                return  # it waits for room that everybody shares: who comes later must not take it
            else:
                held_up.add(ticket.client)

    def _start(self, ticket: Ticket) -> None:
        self._running.append(ticket)
        ticket.call()

    def _fits(self, ticket: Ticket) -> bool:
        return self._key_fits(ticket) and self.running_paths + ticket.paths <= self.limits.paths_at_once

    def _key_fits(self, ticket: Ticket) -> bool:
        if self.limits.paths_per_key is None:
            return True
        running: Counter[str] = Counter()
        for other in self._running:
            running[other.client] += other.paths
        return running[ticket.client] + ticket.paths <= self.limits.paths_per_key

    def _seconds_to_wait(self, client: str) -> int | None:
        """Whole seconds until the client may ask again; `None` for now."""
        limit, spent = self.limits.tokens_per_minute, self._spent.get(client)
        if limit is None or not spent:
            return None
        now = time.monotonic()
        while spent and spent[0][0] <= now - _MINUTE:
            spent.popleft()
        left = sum(tokens for _, tokens in spent)
        for when, tokens in spent:
            if left < limit:
                break
            left -= tokens
            if left < limit:
                return max(1, math.ceil(when + _MINUTE - now))
        return None


def _stopping() -> RequestError:
    return RequestError(503, "the server stops", code="server_stopping", retry_after=10)
