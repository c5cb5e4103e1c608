"""A real vLLM server with the shipped miniature: the same run as in process, and one that survives a `kill -9`."""

import asyncio
import gc
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import MINIATURE, Engine, SamplingParams, ServerEngine, VLLMEngine
from peerleap.graph import SchemaError, build_graph
from tests.engine.server.real_server import VLLMServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.usefixtures("vllm")]

QUESTION = "What is 215 + 47 - 98 + 366 - 25?"
SETTINGS: dict[str, Any] = {"rounds": 1, "interval": 40, "seed": 3}
CONTEXT = 2048


@contextmanager
def started(folder: Path) -> Iterator[VLLMServer]:
    made = VLLMServer(folder / "log", CONTEXT)
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def server(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMServer]:
    with started(tmp_path_factory.mktemp("server")) as made:
        yield made


def run(engine: Engine, paths: int = 4) -> dict[str, Any]:
    graph = build_graph(engine=engine, paths=paths).compile()
    return dict(asyncio.run(graph.ainvoke({"question": QUESTION}, context=SETTINGS)))


@pytest.fixture(scope="module")
def other(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMServer]:
    with started(tmp_path_factory.mktemp("other")) as made:
        yield made


@pytest.fixture(scope="module")
def in_process() -> dict[str, Any]:
    """The run in this process."""
    engine = VLLMEngine(MINIATURE, max_model_len=CONTEXT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported; vLLM leaves its sockets
        out = run(engine)
        engine.close()
        gc.collect()
    return out


def ids(out: dict[str, Any]) -> dict[str, list[list[int]]]:
    return {name: [segment["token_ids"] for segment in history] for name, history in out["histories"].items()}


def cancel(engine: ServerEngine, server: VLLMServer, wait_until: Any) -> None:
    """Cancelled requests end on the server, too."""
    long = SamplingParams(max_tokens=1900, temperature=0, repetition_penalty=0.2)

    async def endless(n: int) -> None:
        while True:  # a model may end at once, and a fast machine is through before it is looked at
            await engine.generate([0] * 40 + [n], long)

    async def some() -> None:
        requests = [asyncio.create_task(endless(n)) for n in range(4)]
        await asyncio.to_thread(wait_until, lambda: server.running() >= 1, 60)
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    asyncio.run(some())
    wait_until(lambda: server.running() == 0, 30)


def fits_schema(engine: ServerEngine) -> None:
    """The server's own constraint makes the answer JSON; what it cannot constrain is refused before a path begins."""
    graph = build_graph(engine=engine, paths=2).compile()
    schema = {"type": "object", "properties": {"result": {"type": "integer", "minimum": 0, "maximum": 9999}},
              "required": ["result"], "additionalProperties": False}  # fmt: skip
    out: Any = asyncio.run(graph.ainvoke({"question": QUESTION}, context={**SETTINGS, "json_schema": schema}))
    found = json.loads(out["messages"][-1].content)
    assert list(found) == ["result"]
    assert type(found["result"]) is int  # this model cannot copy its answer into JSON
    wrong = {"type": "object", "properties": {"result": {"type": "no such type"}}}
    with pytest.raises(SchemaError, match="json_schema"):
        asyncio.run(graph.ainvoke({"question": QUESTION}, context={"json_schema": wrong}))


def test_a_run_on_a_server(
    server: VLLMServer, in_process: dict[str, Any], child_env: dict[str, str], wait_until: Any, tmp_path: Path
) -> None:
    """In one test, since a start takes most of a minute."""
    server.wait()
    engine = ServerEngine(server.url, MINIATURE)
    out = run(engine)
    assert out["answer"] == in_process["answer"] == "505"
    assert out["votes"] == in_process["votes"]
    assert ids(out) == ids(in_process), "token for token"
    assert len(out["rounds"]) == 1
    assert out["usage"]["cached"] == in_process["usage"]["cached"] > 0

    fits_schema(engine)

    command = [str(Path(sys.executable).with_name("peerleap")), "ask", "--server", server.url, "--json", "--seed", "3",
               "--rounds", "1", "--interval", "40", QUESTION]  # fmt: skip
    done = subprocess.run(command, env=child_env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["votes"] == out["votes"]

    cancel(engine, server, wait_until)

    graph, killed = build_graph(engine=engine, paths=4).compile(), False
    again: dict[str, Any] = {}
    for mode, part in graph.stream({"question": QUESTION}, context=SETTINGS, stream_mode=["custom", "values"]):
        if mode == "values":
            again.update(part)
        elif not killed and part["type"] == "segment":
            killed = True
            server.kill()
            server.start()
    assert killed
    assert ids(again) == ids(out), "nothing is lost, nothing comes twice"
    assert again["votes"] == out["votes"]
    assert engine.unfinished() == 0
    engine.close()


def test_one_of_two_servers_dies(
    server: VLLMServer, other: VLLMServer, in_process: dict[str, Any], caplog: Any
) -> None:
    """Without a router: its paths go on at the other one, and the run is the same."""
    server.wait()
    other.wait()
    engine = ServerEngine([server.url, other.url], MINIATURE)
    graph, segments = build_graph(engine=engine, paths=4).compile(), 0
    out: dict[str, Any] = {}
    for mode, part in graph.stream({"question": QUESTION}, context=SETTINGS, stream_mode=["custom", "values"]):
        if mode == "values":
            out.update(part)
        elif part["type"] == "segment":
            segments += 1
            if segments == 3:  # both have written, and both have more to write
                other.kill()
    assert f"the server {other.url} is gone" in caplog.text
    assert ids(out) == ids(in_process), "nothing is lost, nothing comes twice"
    assert out["votes"] == in_process["votes"]
    assert engine.unfinished() == 0
    engine.close()
