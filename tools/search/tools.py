"""`web_search` and `read_page`: the LangChain tools that peers get."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NoReturn

from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from peerleap.tools.search.backend import SearchBackend, SearchError
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.client import PACE, SearchDesk
from peerleap.tools.search.extraction import PageText, extract
from peerleap.tools.search.page import PageError, fetch
from peerleap.tools.search.rate_limit import Throttle
from peerleap.tools.search.render import hits_report, page_report
from peerleap.tools.search.single_flight import SharedCalls

__all__ = ["read_page", "web_search"]

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
    _desk: SearchDesk = PrivateAttr()

    def __init__(self, desk: SearchDesk) -> None:
        super().__init__()
        self._desk = desk

    def _run(self, query: str) -> NoReturn:
        raise NotImplementedError(f"{self.name!r} is asynchronous: use ainvoke")

    async def _arun(self, query: str) -> tuple[str, dict[str, Any]]:
        if not query.strip():
            return "The query is empty.", {"unavailable": "the query is empty"}
        try:
            hits = await self._desk.ask(query)
        except SearchError as error:
            wait = f" Try again in {error.retry_after:.0f} s." if error.retry_after else ""
            return f"Search is unavailable now: {error}.{wait} Go on without it.", {"unavailable": str(error)}
        return hits_report(query, hits, _MAX_CHARS), {"hits": [asdict(hit) for hit in hits]}


class _ReadPage(BaseTool):
    name: str = "read_page"
    description: str = "Reads the text of a web page or PDF."
    args_schema: type[BaseModel] = _Address
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    metadata: dict[str, Any] | None = Field(default={"max_chars": _MAX_CHARS})
    seconds: float
    allow_hosts: frozenset[str]
    _cache: SearchCache = PrivateAttr()
    _throttle: Throttle = PrivateAttr(default_factory=lambda: Throttle(concurrent=4, interval_s=0.0))
    _shared: SharedCalls[PageText] = PrivateAttr(default_factory=SharedCalls)

    def __init__(self, cache: SearchCache, seconds: float, allow_hosts: frozenset[str]) -> None:
        super().__init__(seconds=seconds, allow_hosts=allow_hosts)
        self._cache = cache

    def _run(self, url: str, looking_for: str = "") -> NoReturn:
        raise NotImplementedError(f"{self.name!r} is asynchronous: use ainvoke")

    async def _arun(self, url: str, looking_for: str = "") -> tuple[str, dict[str, Any]]:
        url = url.strip()
        try:
            page = await self._kept(url) or await self._shared.run(url, lambda: self._text(url))
        except PageError as error:
            return f"The page cannot be read: {error}. Go on without it.", {"unavailable": str(error)}
        # Off the loop: a long text takes seconds to look through, and other paths go on meanwhile.
        text = await asyncio.to_thread(page_report, page, looking_for, _MAX_CHARS)
        return text, {"url": page.url, "title": page.title, "date": page.date}

    async def _kept(self, url: str) -> PageText | None:
        row = await self._cache.aget(*self._key(url))
        with suppress(TypeError):  # a file that another version wrote is a miss, too
            return PageText(**row) if row else None
        return None

    async def _text(self, url: str) -> PageText:
        async with self._throttle.turn():
            if kept := await self._kept(url):  # by another process or tool, while we waited
                return kept
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
    throttle: Throttle | None = None,
) -> BaseTool:
    """A `web_search(query)` tool. It never raises: what fails becomes text that says that search is unavailable.

    `backend` defaults to `DdgsBackend()`; `cache` is a file to keep answers in, or memory. All tools made here share
    one pace for the whole process unless `throttle` is given; give the same tool to all peers so that they also share
    cache and requests.
    """
    if backend is None:
        from peerleap.tools.search.ddgs import DdgsBackend

        backend = DdgsBackend()
    kept = cache if isinstance(cache, SearchCache) else SearchCache(cache)
    pace = throttle or PACE
    return _WebSearch(SearchDesk(backend, count=count, seconds=seconds, cache=kept, throttle=pace))


def read_page(
    *, seconds: float = 5.0, cache: SearchCache | str | Path | None = None, allow_hosts: Collection[str] = ()
) -> BaseTool:
    """A `read_page(url, looking_for)` tool (extra `web`). It never raises, and reads public addresses only.

    `seconds` bounds the fetch, and then the extraction. `allow_hosts` lifts the guard for hosts of your own.
    """
    kept = cache if isinstance(cache, SearchCache) else SearchCache(cache)
    return _ReadPage(kept, seconds, frozenset(allow_hosts))
