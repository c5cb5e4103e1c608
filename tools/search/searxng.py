"""Search through a SearXNG server, or anything that answers like one."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from peerleap.tools.search.backend import SearchError, SearchHit
from peerleap.tools.search.transport import BodyError, read_body, tls

_MAX_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class SearxngBackend:
    """`GET {base_url}/search?format=json`. The server is the user's choice, so it may be a private address."""

    base_url: str
    language: str = "en"
    safesearch: int = 1
    """0 off, 1 moderate, 2 strict."""
    time_range: str = ""
    """`"day"`, `"month"`, `"year"`, or empty for any."""
    seconds: float = field(default=8.0, compare=False)
    name: str = "searxng"

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url={self.base_url!r} is no http:// or https:// URL")

    async def search(self, query: str, count: int) -> list[SearchHit]:
        """See `SearchBackend`."""
        params: dict[str, str] = {"q": query, "format": "json", "safesearch": str(self.safesearch)}
        params |= {"language": self.language} if self.language else {}
        params |= {"time_range": self.time_range} if self.time_range else {}
        client = httpx.AsyncClient(verify=tls(), trust_env=False, timeout=self.seconds)
        headers = {"accept": "application/json", "accept-encoding": "gzip"}
        try:
            async with client, client.stream("GET", self._url, params=params, headers=headers) as response:
                _check(response)
                body, whole = await read_body(response, _MAX_BYTES)
        except (httpx.HTTPError, BodyError) as error:
            raise SearchError(f"{type(error).__name__} from the search server") from error
        if not whole:
            raise SearchError("the search server's answer is too large")
        return _hits(body)[:count]

    @property
    def _url(self) -> str:
        return f"{self.base_url.rstrip('/')}/search"


def _check(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.FORBIDDEN:
        raise SearchError("the search server does not allow format=json (search.formats)", lasting=True)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        wait = response.headers.get("retry-after", "")
        raise SearchError(
            "the search server asks for fewer requests", retry_after=float(wait) if wait.isdecimal() else 60.0
        )
    if response.status_code != httpx.codes.OK:
        raise SearchError(f"the search server answered HTTP {response.status_code}")


def _hits(body: bytes) -> list[SearchHit]:
    try:
        answer: Any = json.loads(body)
        rows = [row for row in answer["results"] if isinstance(row, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SearchError("the search server's answer is no SearXNG JSON") from error
    fields = ("title", "url", "content", "publishedDate")
    return [SearchHit(*(str(row.get(field) or "") for field in fields)) for row in rows if row.get("url")]
