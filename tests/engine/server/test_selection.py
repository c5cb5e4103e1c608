"""What is refused before a run begins, in one line; and what several servers have to have in common."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import (
    MINIATURE,
    EngineArgumentError,
    EngineError,
    EngineStartError,
    ModelError,
    SamplingParams,
    ScriptedEngine,
    ServerEngine,
)
from peerleap.engine.server import served
from peerleap.engine.shipped import miniature_folder
from tests.engine.server.wire_server import WireServer

Connect = Callable[..., ServerEngine]
ServeWire = Callable[..., WireServer]


def refused(engine: ServerEngine, kind: type[Exception]) -> str:
    with pytest.raises(kind) as error:
        engine.check()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_a_server_says_of_itself(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire.url + "/v1")
    assert (engine.model, engine.context_length, engine.reports_cached) == ("scripted", 131_072, True)
    assert engine.tokenizer.encode("Hi") == wire.engine.tokenizer.encode("Hi")
    assert wire.looks == 1, "once"


def test_nothing_is_asked_before_it_is_needed() -> None:
    engine = ServerEngine("http://127.0.0.1:9", "some-model")
    assert not engine.closed
    assert engine.unfinished() == 0
    engine.close()


def test_unreachable(connect: Connect) -> None:
    told = refused(connect("http://127.0.0.1:9"), EngineStartError)
    assert "server='http://127.0.0.1:9'" in told
    assert "is it running?" in told


def test_a_router_that_tries_a_dead_replica_first(wire: WireServer, connect: Connect) -> None:
    wire.looks_away = 4
    connect(wire).check()
    assert wire.looks == 5
    wire.looks_away = 1000
    assert "it cannot be used now (status 500" in refused(connect(wire), EngineStartError)


def test_a_host_that_is_none(connect: Connect) -> None:
    assert "server='http://-a-.b..c:1'" in refused(connect("http://-a-.b..c:1"), EngineError)


def test_a_check_that_failed_is_made_again(wire: WireServer, connect: Connect) -> None:
    wire.kill()
    engine = connect(wire)
    refused(engine, EngineStartError)
    wire.start()
    engine.check()


@pytest.mark.parametrize("key", [None, "wrong"])
def test_wrong_key(serve_wire: ServeWire, connect: Connect, key: str | None) -> None:
    server = serve_wire(ScriptedEngine(lambda *_: "four"), key="right")
    told = refused(connect(server, api_key=key), EngineArgumentError)
    assert "does not accept the API key" in told
    assert "PEERLEAP_API_KEY" in told
    assert "wrong" not in told


def test_another_model(wire: WireServer, connect: Connect) -> None:
    told = refused(connect(wire, model="Qwen/Qwen3-4B"), ModelError)
    assert told == f"model='Qwen/Qwen3-4B': the server {wire.url} serves 'scripted'"


def test_a_model_is_known_by_its_name_and_by_its_folder(wire: WireServer, connect: Connect) -> None:
    wire.id = "alias"
    for name in ("alias", str(wire.folder), f"{wire.folder.parent}/./{wire.folder.name}"):
        assert connect(wire, model=name).model == "alias"


def test_a_shipped_model_is_known_where_the_package_is_linked(
    wire: WireServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers name the folder that they have read, behind all links."""
    link = tmp_path / "link"
    link.symlink_to(wire.folder)
    monkeypatch.setattr(served, "miniature_folder", lambda: link)
    assert connect(wire, model=MINIATURE).model == MINIATURE


def test_of_base_model_and_adapters(wire: WireServer, connect: Connect) -> None:
    adapter = wire.card(id="adapter", root="/adapter", parent="scripted", max_model_len=None)
    wire.models = lambda: [adapter, wire.card()]
    assert connect(wire).model == "scripted"
    for name in ("adapter", "/adapter"):
        engine = connect(wire, model=name)
        assert (engine.model, engine.context_length) == ("adapter", 131_072), "tokenizer and context are the base's"
    wire.models = lambda: [wire.card(), wire.card(id="other", root="/other")]
    assert "serves 'scripted', 'other'; say which" in refused(connect(wire), ModelError)


@pytest.mark.parametrize(
    "models", [lambda: {"some": "JSON"}, list, lambda: ["x"], lambda: [{"name": "x"}], lambda: None]
)
def test_models_that_are_not_vllms(wire: WireServer, connect: Connect, models: Any) -> None:
    wire.models = models
    assert "is not that of a vLLM server" in refused(connect(wire), EngineArgumentError)


def test_no_openai_server(serving: Any, connect: Connect) -> None:
    from http.server import BaseHTTPRequestHandler

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

    with serving(Page) as url:
        assert "is not that of a vLLM server ('<html>" in refused(connect(url), EngineArgumentError)


def test_no_token_ids(wire: WireServer, connect: Connect) -> None:
    wire.faults.append("no_ids")
    assert "hold no token ids" in refused(connect(wire), EngineArgumentError)


def test_no_context_length_without_a_configuration(wire: WireServer, connect: Connect) -> None:
    wire.models = lambda: [wire.card(max_model_len=None)]
    assert "config.json" in refused(connect(wire), ModelError)


def test_tokenizer_that_is_not_here(wire: WireServer, connect: Connect) -> None:
    wire.models = lambda: [wire.card(root="/models/somewhere")]
    assert "'/models/somewhere', which is not here; give the folder" in refused(connect(wire), ModelError)
    assert connect(wire, tokenizer=str(wire.folder)).context_length == 131_072


def test_another_tokenizer(wire: WireServer, connect: Connect) -> None:
    told = refused(connect(wire, tokenizer=str(miniature_folder())), EngineArgumentError)
    assert "its tokenizer is another one" in told


def test_the_miniature_is_known_by_its_folder(wire: WireServer, connect: Connect) -> None:
    """Its own defaults go by its name."""
    wire.models = lambda: [wire.card(root=str(miniature_folder()))]
    engine = connect(wire, tokenizer=str(wire.folder))
    assert engine.model == MINIATURE
    assert connect(wire, model=MINIATURE, tokenizer=str(wire.folder)).model == MINIATURE


def test_a_server_that_counts_no_cached_tokens(serve_wire: ServeWire, connect: Connect) -> None:
    assert not connect(serve_wire(ScriptedEngine(lambda *_: "x"), details=False)).reports_cached


def test_the_shortest_context_of_all(wire: WireServer, serve_wire: ServeWire, connect: Connect) -> None:
    other = serve_wire(ScriptedEngine(lambda *_: "x", context_length=1000))
    assert connect(wire, other).context_length == 1000


def test_servers_of_different_models(wire: WireServer, serve_wire: ServeWire, connect: Connect, caplog: Any) -> None:
    other = serve_wire(ScriptedEngine(lambda *_: "x"))
    other.id = "other"
    told = refused(connect(wire, other), ModelError)
    assert told.startswith("the servers run different models: 'scripted'")
    with caplog.at_level(logging.INFO):
        engine = connect(wire, other, model="other")
        assert engine.model == "other"
    assert "it is left out" in caplog.text
    assert "serves 'scripted', 'other'" not in refused(connect(wire, other, model="neither"), ModelError)


async def test_one_of_several_is_away(wire: WireServer, serve_wire: ServeWire, connect: Connect, caplog: Any) -> None:
    other = serve_wire(ScriptedEngine(lambda *_: "x"))
    other.kill()
    engine = connect(other, wire)
    await engine.start()
    assert f"the server {other.url} cannot be used now" in caplog.text
    for number in range(4):
        await engine.generate([1], SamplingParams(max_tokens=4), session=f"r/{number}")
    assert len(wire.requests) == 4


def test_a_bad_server_among_good_ones_is_refused(wire: WireServer, serve_wire: ServeWire, connect: Connect) -> None:
    locked = serve_wire(ScriptedEngine(lambda *_: "x"), key="right")
    assert locked.url in refused(connect(wire, locked), EngineArgumentError)


def test_certificates(tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    assert "no HTTP client can be made" in refused(connect("https://127.0.0.1:9"), EngineStartError)
