"""The one place that all peers ask: it remembers, waits its turn, and knows when to stop asking."""

import asyncio
import random
from dataclasses import asdict, dataclass, field
from typing import Final

from peerleap.tools.search.backend import SearchBackend, SearchError, SearchHit
from peerleap.tools.search.breaker import CircuitBreaker
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.shared import SharedCalls
from peerleap.tools.search.throttle import Throttle

__all__ = ["PACE", "SearchDesk"]

PACE: Final = Throttle(concurrent=2, interval_s=1.0)
_LONGEST_QUERY = 400


@dataclass(frozen=True, slots=True)
class SearchDesk:
    """A backend with cache, pace, retries and circuit breaker."""

    backend: SearchBackend
    count: int = 5
    """Hits per answer."""
    seconds: float = 9.0
    """Seconds for one answer, with all waiting; below the usual limit of a call, so that the model reads why."""
    cache: SearchCache = field(default_factory=SearchCache)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    throttle: Throttle = PACE
    _shared: SharedCalls[list[SearchHit]] = field(default_factory=SharedCalls, repr=False)

    async def ask(self, query: str) -> list[SearchHit]:
        """The hits for `query`, empty when there are none. Raises `SearchError` and nothing else."""
        query = " ".join(query.split())[:_LONGEST_QUERY]
        key = ("search", self.backend.name, query.casefold(), self.count)
        if (hits := self._kept(key)) is not None:
            return hits
        return await self._shared.run(key, lambda: self._request(query, key))

    def _kept(self, key: tuple[object, ...]) -> list[SearchHit] | None:
        rows = self.cache.get(*key)
        return None if rows is None else [SearchHit(**row) for row in rows]

    async def _request(self, query: str, key: tuple[object, ...]) -> list[SearchHit]:
        if wait := self.breaker.open_for():
            raise SearchError("it failed several times", retry_after=wait)
        try:
            async with asyncio.timeout(self.seconds):
                hits = await self._twice(query, key)
        except TimeoutError:
            self.breaker.failed()
            raise SearchError(f"no answer within {self.seconds:g} s") from None
        except SearchError as error:
            self.breaker.failed(error.retry_after)
            raise
        self.breaker.worked()
        self.cache.put([asdict(hit) for hit in hits], *key)
        return hits

    async def _twice(self, query: str, key: tuple[object, ...]) -> list[SearchHit]:
        try:
            return await self._once(query, key)
        except SearchError as error:
            if error.lasting or error.retry_after is not None:
                raise
        await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter
        return await self._once(query, key)

    async def _once(self, query: str, key: tuple[object, ...]) -> list[SearchHit]:
        async with self.throttle.turn():
            if (hits := self._kept(key)) is not None:  # by another process or tool, while we waited
                return hits
            try:
                return await self.backend.search(query, self.count)
            except (SearchError, TimeoutError):
                raise
            except Exception as error:  # a backend's bug must not end a path
                raise SearchError(f"{type(error).__name__} in {self.backend.name!r}") from error
