"""Search through `ddgs`, which asks several public engines and needs no key."""

import importlib.util
from dataclasses import dataclass, field
from typing import Any, Final

from peerleap.tools.search.backend import SearchError, SearchHit
from peerleap.tools.threads import BoundedThreads

_THREADS: Final = BoundedThreads(4, "peerleap-ddgs")  # its engines block, and may hang beyond their own timeout


@dataclass(frozen=True, slots=True)
class DdgsBackend:
    """The `ddgs` package (extra `search`)."""

    region: str = "us-en"
    safesearch: str = "moderate"
    engines: str = "auto"
    """Comma-separated names, for example `"duckduckgo,brave"`."""
    seconds: float = field(default=5.0, compare=False)
    """Seconds for one engine."""
    name: str = "ddgs"

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ddgs") is None:
            raise ImportError("web search with ddgs needs its package: pip install 'peerleap[search]'")

    async def search(self, query: str, count: int) -> list[SearchHit]:
        """See `SearchBackend`."""
        return await _THREADS.run(self._ask, query, count)

    def _ask(self, query: str, count: int) -> list[SearchHit]:
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException

        options: dict[str, Any] = {"region": self.region, "safesearch": self.safesearch, "backend": self.engines}
        try:
            rows = DDGS(timeout=max(1, round(self.seconds))).text(query, max_results=count, **options)
        except DDGSException as error:
            # The package reports an empty answer, and a refused request, by this exception too.
            if "No results found" in str(error):
                return []
            raise SearchError(f"{type(error).__name__}: {str(error)[:200]}") from error
        return [
            SearchHit(str(row.get("title", "")), str(row.get("href", "")), str(row.get("body", "")))
            for row in rows[:count]
        ]
