"""Search for all peers: cached, rate-limited, retried once, and stopped while the engine keeps failing."""

import asyncio
import hashlib
import random
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Final

from peerleap.tools.search.backend import SearchBackend, SearchError, SearchHit
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.circuit_breaker import CircuitBreaker
from peerleap.tools.search.rate_limit import RateLimit
from peerleap.tools.search.single_flight import SingleFlight

SHARED_RATE: Final = RateLimit(concurrent=2, interval_s=1.0)
_LONGEST_QUERY = 400


class _NotSent(SearchError):
    """No request was sent, or with hardly any time left: no failure of the engine's."""


@dataclass(frozen=True, slots=True)
class SearchClient:
    """A backend with cache, pace, retries and circuit breaker."""

    backend: SearchBackend
    count: int = 5
    """Hits per answer."""
    seconds: float = 9.0
    """Seconds for one answer, with all waiting; below the usual limit of a call, so that the model reads why."""
    cache: SearchCache = field(default_factory=SearchCache)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    rate_limit: RateLimit = SHARED_RATE
    _flights: SingleFlight[list[SearchHit]] = field(default_factory=SingleFlight, repr=False)

    async def ask(self, query: str) -> list[SearchHit]:
        """Search for a query, in the cache first.

        Args:
            query: the words; the first 400 characters count.

        Returns:
            At most `count` hits, best first; empty when there are none.

        Raises:
            SearchError: there was no answer; nothing else is raised.
        """
        query = " ".join(query.split())[:_LONGEST_QUERY]
        key = ("search", self.backend.name, _options(self.backend), query.casefold(), self.count)
        if hits := await self._cached(key):
            return hits
        return await self._flights.run(key, lambda: self._request(query, key))

    async def _cached(self, key: tuple[object, ...]) -> list[SearchHit]:
        with suppress(TypeError):  # a file that another version wrote is a miss, too
            return [SearchHit(**row) for row in await self.cache.aget(*key) or ()]
        return []

    async def _request(self, query: str, key: tuple[object, ...]) -> list[SearchHit]:
        self._check_breaker()
        try:
            hits = await self._twice(query, key, asyncio.get_running_loop().time() + self.seconds)
        except _NotSent:
            raise
        except SearchError as error:
            self.breaker.failed(error.retry_after)
            raise
        self.breaker.worked()
        return hits

    async def _twice(self, query: str, key: tuple[object, ...], deadline: float) -> list[SearchHit]:
        try:
            return await self._once(query, key, deadline)
        except SearchError as error:
            loop = asyncio.get_running_loop()
            if error.lasting or error.retry_after is not None or loop.time() >= deadline:
                raise
            first = error
        await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter
        try:
            return await self._once(query, key, deadline)
        except _NotSent:
            raise first from None

    async def _once(self, query: str, key: tuple[object, ...], deadline: float) -> list[SearchHit]:
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout_at(deadline):
                    await turn.enter_async_context(self.rate_limit.turn())
            except TimeoutError:
                raise _NotSent("too many searches are waiting") from None
            if hits := await self._cached(key):  # by another process or tool, while we waited
                return hits
            self._check_breaker()
            hits = await self._answer(query, deadline)
            if hits:  # a refused request may look like an empty answer, and must not be remembered for a day
                # Before the turn ends: the next one may be another process's same search.
                await self.cache.aput([asdict(hit) for hit in hits], *key)
            return hits

    async def _answer(self, query: str, deadline: float) -> list[SearchHit]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(deadline):
                return await self.backend.search(query, self.count)
        except SearchError:
            raise
        except TimeoutError:
            if loop.time() >= deadline and deadline - began < self.seconds / 2:
                # Most of the time went by in our own queue: that the rest was too short says nothing about the engine.
                raise _NotSent("too many searches are waiting") from None
            raise SearchError(f"no answer within {self.seconds:g} s") from None
        except Exception as error:  # a backend's bug must not end a path
            raise SearchError(f"{type(error).__name__} in {self.backend.name!r}") from error

    def _check_breaker(self) -> None:
        if wait := self.breaker.open_for():
            raise _NotSent("it failed several times", retry_after=wait)


def _options(backend: SearchBackend) -> str:
    """What else than its name makes a backend answer as it does; as a digest, since it may hold a key."""
    if not is_dataclass(backend):
        return ""
    options = [(one.name, getattr(backend, one.name)) for one in fields(backend) if one.compare]
    return hashlib.sha256(repr(options).encode(errors="surrogatepass")).hexdigest()
