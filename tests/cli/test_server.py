"""`--server` and `PEERLEAP_SERVER`: ask, resume, fork and eval on a scripted server, and what is refused."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine, close_engines
from tests.engine.server.wire_server import WireServer

Invoke = Callable[..., Any]
QUESTION = "What is 2 + 2?"
QUICK = ("-n", "2", "--rounds", "1", "--interval", "40", "--max-tokens", "4000")


@pytest.fixture(autouse=True)
def own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))
    for name in ("PEERLEAP_SERVER", "PEERLEAP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield
    close_engines()


@pytest.fixture
def server(serve_wire: Any) -> WireServer:
    made: WireServer = serve_wire(
        ScriptedEngine(lambda _prompt, _params: "one, two, three. " * 8 + "So it is \\boxed{4}"), key="geheim"
    )
    return made


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_API_KEY", "geheim")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("by", ["option", "environment"])
def test_ask(invoke: Invoke, server: WireServer, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    if by == "environment":
        monkeypatch.setenv("PEERLEAP_SERVER", server.url)
    done = invoke("ask", *QUICK, "--json", *(("--server", server.url) if by == "option" else ()), QUESTION)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["answer"] == "4"
    assert len({headers["x-session-id"] for headers, _ in server.requests}) == 2
    assert "geheim" not in done.output


@pytest.mark.usefixtures("key")
def test_a_stored_run_takes_no_address_from_the_store(invoke: Invoke, server: WireServer, tmp_path: Path) -> None:
    done = invoke("ask", *QUICK, "--thread", "sum", "--server", f"{server.url}/v1", QUESTION)
    assert done.exit_code == 0, done.stderr
    again = f"peerleap resume sum --server {server.url}"
    assert again in done.stderr
    refused = invoke("resume", "sum")
    assert refused.exit_code == 2
    assert f"this run was asked with --server {server.url}" in refused.stderr
    assert invoke("runs", "show", "sum").exit_code == 0, "what starts no engine needs no server"
    before = len(server.requests)
    done = invoke("fork", "sum", "--block", "1", "--set", "router=random", "--server", server.url)
    assert (done.exit_code, done.stdout) == (0, "4\n"), done.stderr
    assert len(server.requests) > before
    server.id = "another"
    close_engines()
    done = invoke("fork", "sum", "--block", "1", "--as", "other", "--server", server.url)
    assert done.exit_code == 2
    assert "model='scripted': the server" in done.stderr
    assert all(b"geheim" not in file.read_bytes() for file in tmp_path.glob("runs.sqlite*") if file.is_file())


@pytest.mark.usefixtures("key")
def test_eval(invoke: Invoke, server: WireServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("peerleap.evals.duration.file", lambda: tmp_path / "speeds.json")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(3)]
    Path("sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = invoke("eval", "sums.jsonl", *QUICK, "--server", server.url)
    assert done.exit_code == 0, done.stderr
    head = json.loads(Path("sums-leap.jsonl").read_text().splitlines()[0])
    assert head["hardware"]["device"] == "1 server"
    assert server.url not in json.dumps(head), "other servers may continue"
    assert len({headers["x-session-id"] for headers, _ in server.requests}) == 6


def test_ctrl_c_ends_the_work_of_the_server(start: Any, server: WireServer, wait_until: Any) -> None:
    server.chunk_seconds = 0.2
    process = start("ask", *QUICK, "--server", server.url, QUESTION, env={"PEERLEAP_API_KEY": "geheim"})
    wait_until(lambda: server.open == 2, 120)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[-1] == "peerleap: stopped"
    wait_until(lambda: server.open == 0, 10)
    assert server.left == 2, "both connections were closed"


def test_refused_in_one_line(invoke: Invoke, server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cases: dict[str, tuple[list[str], int]] = {
        "server='127.0.0.1:1': did you mean 'http://127.0.0.1:1'?": (["--server", "127.0.0.1:1"], 2),
        "it cannot be used now": (["--server", "http://127.0.0.1:9"], 1),
        "does not accept the API key": (["--server", server.url], 2),
        "give it to that `vllm serve`": (["--server", server.url, "--engine-arg", "dtype=half"], 2),
        "use the environment variable PEERLEAP_API_KEY": (
            ["--server", server.url, "--engine-arg", "api_key=geheim"],
            2,
        ),
        "use --server": (["--engine-arg", f"server={server.url}"], 2),
    }
    for words, (arguments, code) in cases.items():
        done = invoke("ask", *arguments, QUESTION)
        assert done.exit_code == code, done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("peerleap: ")]
        assert words in line
        assert "geheim" not in done.output
    monkeypatch.setenv("PEERLEAP_API_KEY", "geheim")
    done = invoke("ask", "--server", server.url, "--model", "Qwen/Qwen3-4B", QUESTION)
    assert done.exit_code == 2
    assert f"model='Qwen/Qwen3-4B': the server {server.url} serves 'scripted'" in done.stderr
