"""The client that all peers ask: whom it lets wait, what it holds against an engine, and what it remembers."""

import asyncio
from dataclasses import asdict, dataclass, field, replace

import pytest

from peerleap.tools.search.backend import SearchError, SearchHit
from peerleap.tools.search.cache import SearchCache
from peerleap.tools.search.circuit_breaker import CircuitBreaker
from peerleap.tools.search.client import SearchClient
from peerleap.tools.search.rate_limit import RateLimit
from peerleap.tools.search.searxng import SearxngBackend
from peerleap.tools.search.tools import read_page

HITS = [SearchHit("Sums", "https://a.example/1", "n(n+1)/2")]


@dataclass
class Engine:
    """Answers after some seconds, fails where the query says so, and keeps what it was asked."""

    seconds: float = 0.0
    name: str = "engine"
    asked: list[str] = field(default_factory=list, compare=False)

    async def search(self, query: str, count: int) -> list[SearchHit]:
        self.asked.append(query)
        await asyncio.sleep(self.seconds)
        if "broken" in query:
            raise SearchError("the engine is broken")
        if "forbidden" in query:
            raise SearchError("the engine does not allow it", lasting=True)
        if "bug" in query:
            raise KeyError(query)
        return [] if "empty" in query else HITS


def fast() -> RateLimit:
    return RateLimit(concurrent=8, interval_s=0.0)


async def told(client: SearchClient, *queries: str) -> list[str]:
    """How each of some queries ended that are asked at the same time."""
    ends = await asyncio.gather(*(client.ask(query) for query in queries), return_exceptions=True)
    return [str(end) if isinstance(end, BaseException) else "answered" for end in ends]


async def test_the_circuit_opens_after_three_failures() -> None:
    now = [0.0]
    engine = Engine()
    client = SearchClient(
        engine, breaker=CircuitBreaker(failures=3, seconds=60, clock=lambda: now[0]), rate_limit=fast()
    )
    for number in range(3):
        assert await told(client, f"broken {number}") == ["the engine is broken"]
    asked = len(engine.asked)
    assert await told(client, "gauss") == ["it failed several times"]
    assert len(engine.asked) == asked
    now[0] = 61.0
    assert await told(client, "gauss") == ["answered"]


async def test_a_backend_with_a_bug_is_unavailable() -> None:
    assert await told(SearchClient(Engine(), rate_limit=fast()), "bug") == ["KeyError in 'engine'"]


async def test_a_long_queue_is_no_failure_of_the_engine() -> None:
    client = SearchClient(Engine(), seconds=1.0, rate_limit=RateLimit(concurrent=2, interval_s=0.2))
    ends = await told(client, *(f"q{number}" for number in range(16)))
    assert set(ends) == {"answered", "too many searches are waiting"}
    assert ends.count("too many searches are waiting") >= 3
    assert client.breaker.open_for() == 0
    assert await told(client, "later") == ["answered"]


async def test_what_the_queue_has_left_of_the_time_is_not_held_against_the_engine() -> None:
    engine, pace = Engine(seconds=1.2), RateLimit(concurrent=1, interval_s=0.0)
    client = SearchClient(engine, seconds=2.0, breaker=CircuitBreaker(failures=1), rate_limit=pace)
    assert sorted(await told(client, "a", "b")) == ["answered", "too many searches are waiting"]
    assert len(engine.asked) == 2
    assert client.breaker.open_for() == 0


async def test_an_engine_that_is_too_slow_opens_the_circuit() -> None:
    client = SearchClient(Engine(seconds=600), seconds=0.2, rate_limit=fast())
    assert await told(client, "a", "b", "c") == ["no answer within 0.2 s"] * 3
    assert client.breaker.open_for() > 0


async def test_those_who_wait_do_not_ask_an_engine_that_has_failed_meanwhile() -> None:
    engine, pace = Engine(seconds=0.05), RateLimit(concurrent=1, interval_s=0.0)
    client = SearchClient(engine, breaker=CircuitBreaker(failures=1), rate_limit=pace)
    ends = await told(client, *(f"forbidden {number}" for number in range(6)))
    assert sorted(ends) == ["it failed several times"] * 5 + ["the engine does not allow it"]
    assert len(engine.asked) == 1


async def test_an_answer_is_kept_for_the_options_that_it_was_asked_with() -> None:
    engines = [
        SearxngBackend("http://a.example"),
        SearxngBackend("http://b.example"),
        SearxngBackend("http://a.example", language="de"),
        SearxngBackend("http://a.example", safesearch=0),
        SearxngBackend("http://a.example", time_range="day"),
        SearxngBackend("http://a.example", name="ours"),
    ]
    cache = SearchCache()

    class Answering(SearxngBackend):
        async def search(self, query: str, count: int) -> list[SearchHit]:
            return [SearchHit(repr(self), "https://a.example/1", "")]

    answering = [Answering(**asdict(engine)) for engine in engines]
    for engine in (*answering, *answering):
        hits = await SearchClient(engine, cache=cache, rate_limit=fast()).ask("gauss")
        assert hits[0].title == repr(engine)
    # How long we wait changes no answer.
    patient = await SearchClient(replace(answering[0], seconds=99.0), cache=cache, rate_limit=fast()).ask("gauss")
    assert patient[0].title == repr(answering[0])


async def test_an_empty_answer_is_asked_for_again() -> None:
    engine = Engine()
    client = SearchClient(engine, rate_limit=fast())
    assert await client.ask("empty") == []
    assert await client.ask("empty") == []
    assert len(engine.asked) == 2
    assert await client.ask("gauss") == await client.ask("gauss") == HITS
    assert len(engine.asked) == 3


@pytest.mark.parametrize("row", [[{"title": "t"}], [{**asdict(HITS[0]), "new": 1}], [1], {"title": "t"}, "text"])
async def test_what_another_version_has_kept_is_asked_for_again(row: object, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, cache = Engine(), SearchCache()
    monkeypatch.setattr(SearchCache, "get", lambda *_: row)
    assert await SearchClient(engine, cache=cache, rate_limit=fast()).ask("gauss") == HITS
    assert engine.asked == ["gauss"]
    told = await read_page(cache=cache).ainvoke({"url": "http://127.0.0.1/"})
    assert "is not a public address" in told
