"""Servers by every door: `get_engine`, `build_graph`, `Peer`, the environment."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from peerleap.agents import Peer, TeamError, load_team
from peerleap.engine import (
    EngineArgumentError,
    ModelError,
    ScriptedEngine,
    ServerEngine,
    VLLMEngine,
    close_engines,
    get_engine,
    registry,
)
from peerleap.graph import build_graph
from tests.engine.server.wire_server import WireServer

ServeWire = Callable[..., WireServer]
URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def own_engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_engines", {})
    yield
    close_engines()


def answers(text: str) -> ScriptedEngine:
    return ScriptedEngine(lambda _prompt, _params: f"So it is \\boxed{{{text}}}.")


def test_one_engine_for_the_same_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = get_engine(server=URL)
    assert isinstance(engine, ServerEngine)
    assert engine is get_engine(server=[f"{URL}/v1"]) is get_engine(None, server=f"{URL},")
    assert engine is not get_engine("some/model", server=URL)
    assert isinstance(get_engine(), VLLMEngine)
    monkeypatch.setenv("PEERLEAP_SERVER", URL)
    assert get_engine() is engine
    assert isinstance(get_engine(server=""), VLLMEngine), "in this process, whatever the environment says"
    monkeypatch.setenv("PEERLEAP_MODEL", "some/model")
    assert get_engine() is get_engine("some/model", server=URL)
    engine.close()
    monkeypatch.delenv("PEERLEAP_MODEL")
    assert get_engine() is not engine


def test_engine_arguments_belong_to_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineArgumentError, match=r"'dtype': the model runs on a server; give it to that `vllm serve`"):
        get_engine(server=URL, dtype="half")
    with pytest.raises(EngineArgumentError, match="PEERLEAP_API_KEY") as refused:
        build_graph(server=URL, api_key="geheim")
    assert "geheim" not in str(refused.value)
    monkeypatch.setenv("PEERLEAP_SERVER", URL)
    with pytest.raises(EngineArgumentError, match="PEERLEAP_SERVER is set"):
        build_graph(max_model_len=512)


def test_a_graph_on_a_server(serve_wire: ServeWire) -> None:
    server = serve_wire(answers("4"))
    out = build_graph(server=server.url, paths=3).compile().invoke({"question": "What is 2 + 2?"})
    assert out["answer"] == "4"
    assert out["votes"][0]["votes"] == 3
    sessions = {headers["x-session-id"] for headers, _ in server.requests}
    assert len(sessions) == 3
    assert {session.partition("/")[2] for session in sessions} == {"solver_1", "solver_2", "solver_3"}


def test_the_paths_of_a_run_that_has_ended_are_released(serve_wire: ServeWire) -> None:
    server = serve_wire(answers("4"))
    server.router = True
    graph = build_graph(server=server.url, paths=3).compile()
    graph.invoke({"question": "What is 2 + 2?"})
    assert sorted(server.finished) == sorted({headers["x-session-id"] for headers, _ in server.requests})
    asyncio.run(graph.ainvoke({"question": "What is 3 + 3?"}))
    assert len({*server.finished}) == 6


def test_peers_on_servers_of_their_own(serve_wire: ServeWire) -> None:
    first, second = serve_wire(answers("4")), serve_wire(answers("5"))
    peers = [Peer(name="one", server=first.url), Peer(name="two", server=(second.url,), count=2)]
    out = build_graph(peers=peers).compile().invoke({"question": "What is 2 + 2?"}, context={"rounds": 0})
    assert {vote["answer"]: vote["votes"] for vote in out["votes"]} == {"5": 2, "4": 1}
    assert (len(first.requests), len(second.requests)) == (1, 2)


def test_peers_by_model_among_servers_of_all(serve_wire: ServeWire) -> None:
    first, second = serve_wire(answers("4")), serve_wire(answers("5"))
    first.id, second.id = "a", "b"
    peers = [Peer(name="one", model="a"), Peer(name="two", model="b")]
    graph = build_graph(peers=peers, server=[first.url, second.url]).compile()
    graph.invoke({"question": "What is 2 + 2?"}, context={"rounds": 0})
    assert {body["model"] for _, body in first.requests} == {"a"}
    assert {body["model"] for _, body in second.requests} == {"b"}


def test_a_peers_server_is_stored_nowhere() -> None:
    peer = Peer(name="one", server=URL)
    assert URL not in str(peer.model_dump())
    assert URL not in peer.model_dump_json()


def test_a_team_file_names_no_server(tmp_path: Any) -> None:
    """Whoever wrote the file would get the questions, and the key."""
    file = tmp_path / "team.toml"
    file.write_text(f'[[peers]]\nname = "one"\nserver = "{URL}"\n')
    with pytest.raises(TeamError, match=r"peers\[0\].server: name servers with --server, PEERLEAP_SERVER"):
        load_team(file)


def test_what_the_servers_lack_is_refused_before_a_run(serve_wire: ServeWire) -> None:
    server = serve_wire(answers("4"))
    graph = build_graph("Qwen/Qwen3-4B", server=server.url).compile()
    with pytest.raises(ModelError, match="serves 'scripted'"):
        graph.invoke({"question": "What is 2 + 2?"})
    assert server.requests == []


def test_server_and_engine_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=f"server='{URL}': `engine` has its own"):
        build_graph(server=URL, engine=answers("4"))
