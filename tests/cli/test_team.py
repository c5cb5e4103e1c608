"""`peerleap ask --team FILE`: the tools of the file, with their options, are those that the paths use."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from peerleap import graph
from peerleap.engine import SamplingParams, ScriptedEngine

asked: list[dict[str, list[str]]] = []


class Engine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked.append(parse_qs(urlsplit(self.path).query))
        body = json.dumps({"results": [{"title": "Sums", "url": "https://a.example", "content": "It is 42."}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(serving: Any) -> Iterator[str]:
    asked.clear()
    with serving(Engine) as address:
        yield address


def write(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "so far</summarize>"
    if not params.stop_token_ids:
        return "\\boxed{42}"
    call = {"name": "web_search", "arguments": {"query": "six times seven"}}
    if "Other tools" in prompt or "You may use tools" in prompt:
        return "Done.</think>" if "It is 42." in prompt else f"<tool_call>{json.dumps(call)}</tool_call>"
    return "Done.</think>"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    real = graph.build_graph

    def build(model: str | None = None, **named: Any) -> Any:
        return real(peers=named["peers"], engine=ScriptedEngine(write, thinking=True))

    monkeypatch.setattr(graph, "build_graph", build)


@pytest.mark.usefixtures("scripted")
def test_ask_uses_the_tools_of_the_file(invoke: Any, server: str, tmp_path: Path) -> None:
    search = {"name": "web_search", "backend": "searxng", "url": server, "language": "de", "time_range": "year"}
    table = ", ".join(f'{key} = "{value}"' for key, value in search.items())
    file, kept = tmp_path / "team.toml", tmp_path / "run.json"
    file.write_text(f'[[peers]]\nname = "solver"\n[[peers]]\nname = "scout"\ntools = [{{{table}}}]\n')
    done = invoke("ask", "--team", str(file), "--json", "--save", str(kept), "--rounds", "0", "What is 6 * 7?")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["answer"] == "42"
    assert asked == [
        {"q": ["six times seven"], "format": ["json"], "safesearch": ["1"], "language": ["de"], "time_range": ["year"]}
    ]
    history = json.loads(kept.read_text())["histories"]["scout_1"]
    (result,) = [segment for segment in history if segment["kind"] == "tool"]
    assert "[1] Sums — https://a.example" in result["text"]
    assert result["tool"]["status"] == "ok"


@pytest.mark.usefixtures("scripted")
def test_a_bad_file_is_one_line_and_no_run(invoke: Any, tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text('[[peers]]\nname = "scout"\ntools = [{name = "web_search", backend = "searxng"}]\n')
    done = invoke("ask", "--team", str(file), "What is 6 * 7?")
    assert done.exit_code == 2
    assert f"{file}: peers[0].tools[0]: backend='searxng': give the server's url" in done.stderr
    assert [line for line in done.stderr.splitlines() if "loading" not in line] == done.stderr.splitlines()[-1:]
    assert done.stdout == ""
