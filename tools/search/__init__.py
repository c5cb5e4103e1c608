"""Web search and page reading for peers.

In reading order:

- `tools`: `web_search` and `read_page`: what peers get
- `client`: one search for all peers, from cache to engine
- `single_flight`: N equal requests at a time become one
- `cache`: answers of a day, in SQLite
- `rate_limit`: the pace that the process shares
- `circuit_breaker`: stops requests to an engine that keeps failing
- `backend`: the seam to a search engine
- `ddgs`, `searxng`: two engines
- `page`: one page, fetched
- `ssrf_guard`: never from a private network
- `transport`: TLS, and bodies read up to a limit
- `extraction`: a page's text, made in a process of its own (extraction_worker)
- `excerpt`: the part of a page that answers
- `render`: results as a model reads them
"""

from peerleap.tools.search.backend import SearchBackend, SearchError, SearchHit
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.ddgs import DdgsBackend
from peerleap.tools.search.rate_limit import RateLimit
from peerleap.tools.search.searxng import SearxngBackend
from peerleap.tools.search.tools import read_page, web_search

__all__ = [
    "DdgsBackend",
    "RateLimit",
    "SearchBackend",
    "SearchCache",
    "SearchError",
    "SearchHit",
    "SearxngBackend",
    "read_page",
    "web_search",
]
