"""A cache that does not work is spoken of once, with the likely causes; one that works is not."""

import logging
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph

SETTINGS: dict[str, Any] = {"interval": 600, "rounds": 2, "max_tokens": 4000, "cut": "exact", "task": "math"}


class Uncached(ScriptedEngine):
    def _cache(self, prompt: list[int], ids: list[int]) -> int:
        return 0


def write(prompt: str, _params: Any) -> str:
    return "It is \\boxed{4}." if prompt.count("one") > 500 else "one " * 900


def warnings_of(engine: Any, caplog: pytest.LogCaptureFixture, **settings: Any) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        build_graph(engine=engine, paths=2).compile().invoke(
            {"question": "What is 2 + 2?"}, context=SETTINGS | settings
        )
    return [record.getMessage() for record in caplog.records]


def test_a_cache_that_works(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(ScriptedEngine(write), caplog) == []


def test_a_cache_that_does_not(caplog: pytest.LogCaptureFixture) -> None:
    engine = Uncached(write)
    (line,) = warnings_of(engine, caplog)
    assert "0 came from the prefix cache" in line
    assert "Mamba" in line
    assert "router" not in line
    assert "\n" not in line
    assert warnings_of(engine, caplog) == [], "once"


def test_a_cache_behind_a_router(caplog: pytest.LogCaptureFixture) -> None:
    engine = Uncached(write)
    engine.servers = ("http://host",)  # type: ignore[attr-defined]
    (line,) = warnings_of(engine, caplog)
    assert "a router may spread a path's requests" in line


def test_servers_that_do_not_say(caplog: pytest.LogCaptureFixture) -> None:
    engine = Uncached(write)
    engine.reports_cached = False  # type: ignore[attr-defined]
    (line,) = warnings_of(engine, caplog)
    assert "--enable-prompt-tokens-details" in line


def test_short_histories_are_no_sign(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(Uncached(write), caplog, interval=20, rounds=1) == []


def test_sessions_are_released_and_a_failure_of_that_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    released = list[str]()

    class Forgets(ScriptedEngine):
        async def finish_sessions(self, sessions: Any) -> None:
            released.extend(sessions)
            raise RuntimeError("no")

    engine = Forgets(lambda *_: "It is \\boxed{4}.")
    assert warnings_of(engine, caplog) == ["sessions of 'scripted' could not be released: no"]
    assert sorted(released) == sorted({session for session in engine.sessions if session})
