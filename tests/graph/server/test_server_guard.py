"""Web pages cannot use the server: CORS, Origin and Host."""

import json
import socket
from typing import Any

import httpx
import pytest

from peerleap.graph.server.guard import refusal

ALLOWED = [
    ("127.0.0.1:2024", None), ("localhost:2024", None), ("[::1]:2024", None), ("192.168.1.5:2024", None),
    (f"{socket.gethostname()}:2024", None), ("leap.localhost", None), ("localhost:2024", "https://smith.langchain.com"),
    ("localhost:2024", "https://eu.smith.langchain.com"), ("localhost:2024", "http://localhost:3000"),
    ("127.0.0.1:2024", "http://127.0.0.1:2024"), ("192.168.1.5:2024", "http://192.168.1.5:2024"),
    ("LOCALHOST", "http://[::1]:8080"),
]  # fmt: skip
REFUSED = [
    ("evil.example", None), ("evil.example:2024", None), ("localhost.evil.example", None), ("127.0.0.1.evil.example", None),  # noqa: E501
    ("", None), ("localhost@evil.example", None), ("evil.example/localhost", None), ("[", None), ("a b", None),
    ("localhost", "https://evil.example"), ("localhost", "null"), ("localhost", ""), ("localhost", "file://"),
    ("localhost", "https://smith.langchain.com.evil.example"), ("localhost", "https://evilsmith.langchain.com"),
    ("localhost", "http://smith.langchain.com"), ("localhost", "http://localhost.evil.example"),
    ("localhost", "http://evil.example/localhost"), ("localhost", "http://localhost@evil.example"),
    ("localhost", "https://evil.example http://localhost"), ("localhost", "chrome-extension://localhost"),
    ("127.0.0.1:2024", "http://192.168.1.6:2024"), ("localhost", "http://127.0.0.1:2024/../evil"),
    ("localhost", "https://smith.langchain.com\nx"),
]  # fmt: skip


def headers(host: str, origin: str | None) -> list[tuple[bytes, bytes]]:
    sent = [(b"host", host.encode())]
    return sent if origin is None else [*sent, (b"origin", origin.encode())]


@pytest.mark.parametrize(("host", "origin"), ALLOWED)
def test_own_programs_and_studio_are_served(host: str, origin: str | None) -> None:
    assert refusal(headers(host, origin)) is None


@pytest.mark.parametrize(("host", "origin"), REFUSED)
def test_foreign_pages_are_refused(host: str, origin: str | None) -> None:
    assert refusal(headers(host, origin))


def test_two_hosts_or_none_are_refused() -> None:
    assert refusal([])
    assert refusal([*headers("localhost", None), *headers("evil.example", None)])
    assert refusal([*headers("localhost", "http://localhost"), (b"Origin", b"https://evil.example")])


@pytest.fixture(scope="module")
def thread(shared_server: Any) -> str:
    return str(shared_server.client.threads.create()["thread_id"])


@pytest.mark.parametrize("path", ["/threads/search", "/runs/wait", "/mcp", "/threads/{}/state", "/assistants/search"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_page_starts_nothing_and_reads_nothing(server: Any, thread: str, path: str, kind: str) -> None:
    before = server.client.threads.search(limit=1000)
    body = json.dumps({"assistant_id": "leap", "input": {"question": "2 + 2?"}, "values": {"answer": "5"}})
    for sent in ({"origin": "https://evil.example"}, {"host": "evil.example:2024"}, {"origin": "null"}):
        found = httpx.post(server.url + path.format(thread), content=body, headers={"content-type": kind, **sent})
        assert found.status_code == 403
        assert "access-control-allow-origin" not in found.headers
    assert server.client.threads.search(limit=1000) == before


def test_a_preflight(server: Any) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    url = server.url + "/threads/search"
    studio = httpx.options(url, headers={"origin": "https://smith.langchain.com", **asked})
    assert studio.status_code == 200
    assert studio.headers["access-control-allow-origin"] == "https://smith.langchain.com"
    assert httpx.options(url, headers={"origin": "https://evil.example", **asked}).status_code == 403


@pytest.mark.parametrize(
    "values",
    [
        {"status": {"nobody": {"state": "active"}}}, {"history_solver_1": [{"kind": "thought"}]},
        {"history_nobody": []}, {"history_solver_1": [{"kind": "x", "round": 0, "text": "", "token_ids": []}]},
        {"history_solver_1": [{"kind": "thought", "round": 0, "text": "", "token_ids": [999999]}]},
        {"history_solver_1": [{"kind": "thought", "round": 0, "text": "", "token_ids": [-1]}]},
        {"history_solver_1": [{"kind": "thought", "round": 0, "text": "", "token_ids": ["1"]}]},
        {"history_solver_1": {"__overwrite__": [{"kind": "thought"}]}}, {"history_solver_1": "abc"},
        {"params": {"router": "best"}}, {"params": {}}, {"params": 7}, {"round": "1"}, {"round": -1}, {"rounds": [{}]},
        {"task": "poem"}, {"problem": 7}, {"paths": {"nobody": {}}}, {"votes": ["5"]}, {"answer": 5}, [1], 7, "x",
    ],
)  # fmt: skip
def test_a_bad_state_write_is_the_clients_mistake(server: Any, thread: str, values: Any) -> None:
    answer = httpx.post(
        f"{server.url}/threads/{thread}/state", json={"values": values, "as_node": "solver_1"}, timeout=60
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert server.client.threads.get_state(thread)["values"] in ({}, None)
