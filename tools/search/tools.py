"""`web_search` and `read_page`: the LangChain tools that peers get."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NoReturn

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from peerleap.tools import prompts
from peerleap.tools.search.backend import SearchBackend, SearchError
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.client import SHARED_RATE, SearchClient
from peerleap.tools.search.extraction import PageText, extract
from peerleap.tools.search.page import PageError, fetch
from peerleap.tools.search.rate_limit import RateLimit
from peerleap.tools.search.render import render_hits, render_page
from peerleap.tools.search.single_flight import SingleFlight

_MAX_CHARS = 3000


class _Query(BaseModel):
    query: str = Field(description="What to search for: a few keywords.")


class _Address(BaseModel):
    url: str = Field(description="The page's http or https address.")
    looking_for: str = Field(default="", description="What to find on it.")


class _WebSearch(BaseTool):
    name: str = "web_search"
    description: str = "Searches the web and returns titles, addresses and snippets."
    args_schema: type[BaseModel] = _Query
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    metadata: dict[str, Any] | None = Field(default={"max_chars": _MAX_CHARS})
    _client: SearchClient = PrivateAttr()

    def __init__(self, client: SearchClient) -> None:
        super().__init__()
        self._client = client

    def _run(self, query: str) -> NoReturn:
        raise NotImplementedError(f"{self.name!r} is asynchronous: use ainvoke")

    async def _arun(self, query: str) -> tuple[str, dict[str, Any]]:
        if not query.strip():
            return prompts.NO_QUERY, {"unavailable": "the query is empty"}
        try:
            hits = await self._client.ask(query)
        except SearchError as error:
            wait = prompts.TRY_AGAIN.format(seconds=error.retry_after) if error.retry_after else ""
            return prompts.NO_SEARCH.format(error=error, wait=wait), {"unavailable": str(error)}
        return render_hits(query, hits, _MAX_CHARS), {"hits": [asdict(hit) for hit in hits]}


class _ReadPage(BaseTool):
    name: str = "read_page"
    description: str = "Reads the text of a web page or PDF."
    args_schema: type[BaseModel] = _Address
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    metadata: dict[str, Any] | None = Field(default={"max_chars": _MAX_CHARS})
    seconds: float
    allow_hosts: frozenset[str]
    _cache: SearchCache = PrivateAttr()
    _rate_limit: RateLimit = PrivateAttr(default_factory=lambda: RateLimit(concurrent=4, interval_s=0.0))
    _flights: SingleFlight[PageText] = PrivateAttr(default_factory=SingleFlight)

    def __init__(self, cache: SearchCache, seconds: float, allow_hosts: frozenset[str]) -> None:
        super().__init__(seconds=seconds, allow_hosts=allow_hosts)
        self._cache = cache

    def _run(self, url: str, looking_for: str = "") -> NoReturn:
        raise NotImplementedError(f"{self.name!r} is asynchronous: use ainvoke")

    async def _arun(self, url: str, looking_for: str = "") -> tuple[str, dict[str, Any]]:
        url = url.strip()
        try:
            page = await self._cached(url) or await self._flights.run(url, lambda: self._text(url))
        except PageError as error:
            return prompts.NO_PAGE.format(error=error), {"unavailable": str(error)}
        # Off the loop: a long text takes seconds to look through, and other paths go on meanwhile.
        text = await asyncio.to_thread(render_page, page, looking_for, _MAX_CHARS)
        return text, {"url": page.url, "title": page.title, "date": page.date}

    async def _cached(self, url: str) -> PageText | None:
        row = await self._cache.aget(*self._key(url))
        with suppress(TypeError):  # a file that another version wrote is a miss, too
            return PageText(**row) if row else None
        return None

    async def _text(self, url: str) -> PageText:
        async with self._rate_limit.turn():
            if cached := await self._cached(url):  # by another process or tool, while we waited
                return cached
            page = await fetch(url, seconds=self.seconds, allow_hosts=self.allow_hosts)
            text = await extract(page, seconds=self.seconds)
        await self._cache.aput(asdict(text), *self._key(url))
        return text

    def _key(self, url: str) -> tuple[object, ...]:
        # What one tool may read, another one with the same cache may not.
        return ("page", url, sorted(self.allow_hosts))


def web_search(
    backend: SearchBackend | None = None,
    *,
    count: int = 5,
    seconds: float = 9.0,
    cache: SearchCache | str | Path | None = None,
    rate_limit: RateLimit | None = None,
) -> BaseTool:
    """A `web_search(query)` tool. A call never raises: a failure becomes text that says that search is unavailable.

    Give the same tool to all peers, so that they share its cache and its requests.

    Args:
        backend: the search engine; `None` is `DdgsBackend()` (extra `search`).
        count: hits per answer.
        seconds: time of one answer, with all waiting.
        cache: a file for the answers; `None` keeps them in memory.
        rate_limit: the pace of requests; `None` is one that the whole process shares.

    Returns:
        The tool, for `Peer(tools=[...])`.

    Raises:
        ImportError: the package of the default backend is not installed.
        ValueError: `cache` is a file of something else.
    """
    if backend is None:
        from peerleap.tools.search.ddgs import DdgsBackend

        backend = DdgsBackend()
    opened = cache if isinstance(cache, SearchCache) else SearchCache(cache)
    pace = rate_limit or SHARED_RATE
    return _WebSearch(SearchClient(backend, count=count, seconds=seconds, cache=opened, rate_limit=pace))


def read_page(
    *, seconds: float = 5.0, cache: SearchCache | str | Path | None = None, allow_hosts: Collection[str] = ()
) -> BaseTool:
    """A `read_page(url, looking_for)` tool (extra `web`). A call never raises, and reads public addresses only.

    Args:
        seconds: time of the fetch, and again of the extraction.
        cache: a file for the pages; `None` keeps them in memory.
        allow_hosts: hosts of your own, as `"host"` or `"host:port"`, that are exempt from the guard.

    Returns:
        The tool, for `Peer(tools=[...])`.

    Raises:
        ValueError: `cache` is a file of something else.
    """
    opened = cache if isinstance(cache, SearchCache) else SearchCache(cache)
    return _ReadPage(opened, seconds, frozenset(allow_hosts))
