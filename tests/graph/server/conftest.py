"""The real `langgraph dev`, in a process of its own, without network and keys."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

ROOT = Path(__file__).resolve().parents[3]
_SCRIPTED = Path(__file__).with_name("scripted_graphs.py")
_START_SECONDS = 300.0


Written = dict[str, list[tuple[str, list[int]]]]
"""Kind and token ids of every segment, by the channel of a path's history."""


@dataclass
class Server:
    """A server that runs; its logs and what it keeps are in `folder`."""

    process: "subprocess.Popen[bytes]"
    url: str
    folder: Path

    @cached_property
    def client(self) -> SyncLangGraphClient:
        return get_sync_client(url=self.url, timeout=300)

    @property
    def log(self) -> str:
        return re.sub(r"\x1b\[\d*m", "", (self.folder / "server.log").read_text())

    def kill(self) -> None:
        """As `kill -9`, its children too."""
        self.client.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def run_until_routed(self, thread: str, given: Any, context: Any, seconds: float = 0) -> None:
        """Start a run; come back in its middle, after a LeaP block and some time."""
        begin = time.monotonic()
        parts = self.client.runs.stream(thread, "leap", input=given, context=context, stream_mode="custom")
        assert isinstance(parts, Generator)
        with closing(parts):
            for part in parts:
                if part.event == "custom" and part.data["type"] == "route" and time.monotonic() - begin > seconds:
                    return
        pytest.fail("the run ended too early")

    def go_on(self, thread: str) -> None:
        """Let the run of a killed server go on to its end."""
        runs = self.client.runs.list(thread)
        if not runs:  # else there was the time to write the list of runs, and it goes on by itself
            self.client.runs.wait(thread, "leap", input=None)
        for run in runs:
            self.client.runs.join(thread, run["run_id"])

    def written(self, thread: str) -> Written:
        """Kind and token ids of every segment in a thread's state, by path."""
        values: Any = self.client.threads.get_state(thread)["values"]
        return {
            key: [(segment["kind"], segment["token_ids"]) for segment in history]
            for key, history in values.items()
            if key.startswith("history_")
        }

    def rpc(self, path: str, method: str, **params: Any) -> Any:
        """A JSON-RPC call, as MCP and A2A use it; the result."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = httpx.post(self.url + path, json=request, headers={"accept": "application/json"}, timeout=300)
        answer.raise_for_status()
        return answer.json()["result"]


Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def serve(child_env: dict[str, str]) -> Iterator[Serve]:
    """Start a server in a folder: `serve(folder, scripted=..., speed=tokens a second, env=...)`."""
    started = list[Server]()

    def start(folder: Path, *, scripted: bool = True, speed: float = 0, env: dict[str, str] | None = None) -> Server:
        configuration = json.loads((ROOT / "langgraph.json").read_text())
        if scripted:
            for name, graph in configuration["graphs"].items():
                graph["path"] = f"{_SCRIPTED}:{name}"
        (folder / "langgraph.json").write_text(json.dumps(configuration))
        port = _free_port()
        server = Server(_process(folder, port, child_env, speed, env), f"http://127.0.0.1:{port}", folder)
        started.append(server)
        _wait(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


Restart = Callable[..., tuple[Server, Any]]


@pytest.fixture(scope="session")
def restart(serve: Serve) -> Restart:
    """`kill -9` of a server in the middle of a run, and another one in its folder, told of the run's thread.

    `restart(server, thread, ...)`, options as in `serve`, gives the new server and what the paths had written.
    """

    def start(server: Server, thread: str, **options: Any) -> tuple[Server, Any]:
        server.kill()
        again = serve(server.folder, **options)
        again.client.threads.create(thread_id=thread, graph_id="leap", if_exists="do_nothing")
        begun = again.written(thread)
        assert begun
        assert all(len(history) > 2 for history in begun.values())
        return again, begun

    return start


def _process(
    folder: Path, port: int, child_env: dict[str, str], speed: float, env: dict[str, str] | None
) -> "subprocess.Popen[bytes]":
    program = Path(sys.executable).with_name("langgraph")
    assert program.exists(), "the server is part of the development tools: langgraph-cli[inmem]"
    keys = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_", "OPENAI_", "ANTHROPIC_")
    own = {
        "SCRIPTED_SPEED": str(speed),
        "PEERLEAP_RUNS": str(folder / "runs.sqlite"),
        "LANGGRAPH_CLI_NO_ANALYTICS": "1",
        **(env or {}),
    }
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            [program, "dev", "--no-browser", "--no-reload", "--port", str(port), "--n-jobs-per-worker", "4"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in child_env.items() if not name.startswith(keys)} | own,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: Server) -> None:
    end = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(server.url + "/ok", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start:\n{server.log}")


@pytest.fixture(scope="session")
def shared_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return serve(tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """A server with a scripted model, for tests that do not harm it; nothing may block its event loop."""
    yield shared_server
    assert "Blocking" not in shared_server.log


@pytest.fixture(scope="session")
def plain_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with the project's own configuration, on which nothing is run."""
    return serve(tmp_path_factory.mktemp("plain_server"), scripted=False)


# Bytes are tokens here: blocks and prompts are some five times longer than with a real tokenizer.
CONTEXT = {"interval": 60, "grace": 30, "summary_tokens": 48, "max_tokens": 2200, "answer_tokens": 40, "rounds": 3}


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """Settings that make a run of the scripted model short."""
    return dict(CONTEXT)
