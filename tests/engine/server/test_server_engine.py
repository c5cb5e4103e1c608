"""Requests over a real socket: what is sent, what comes back, and what cancelling does."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from peerleap.engine import EngineError, RequestRefused, SamplingParams, ScriptedEngine, ServerEngine
from tests.engine.server.wire_server import WireServer

Connect = Callable[..., ServerEngine]
PARAMS = SamplingParams(max_tokens=400, seed=7)


async def test_every_sampling_field_is_sent(wire: WireServer, connect: Connect) -> None:
    params = SamplingParams(
        max_tokens=9, temperature=0.1, top_p=0.2, top_k=3, min_p=0.4, repetition_penalty=1.5, presence_penalty=0.6,
        frequency_penalty=0.7, seed=8, stop=("zz",), stop_token_ids=(5,), logprobs=2,
    )  # fmt: skip
    await connect(wire).generate([1, 2, 3], params, session="00ff/solver_1")
    ((headers, body),) = wire.requests
    assert "structured_outputs" not in body
    for field in fields(SamplingParams):
        if field.name == "structured_outputs":
            continue
        value = getattr(params, field.name)
        assert body[field.name] == ([*value] if isinstance(value, tuple) else value)
    assert body["prompt"] == [1, 2, 3]
    assert body["model"] == "scripted"
    told = {"stream": True, "return_token_ids": True, "include_stop_str_in_output": True, "skip_special_tokens": False,
            "stream_options": {"include_usage": True}, "n": 1, "spaces_between_special_tokens": False}  # fmt: skip
    assert {key: body[key] for key in told} == told
    assert headers["x-session-id"] == "00ff/solver_1"
    assert "authorization" not in headers


async def test_a_request_without_a_seed_gets_one(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)
    for _ in range(2):
        await engine.generate([1], SamplingParams(max_tokens=9))
    first, second = (body["seed"] for _, body in wire.requests)
    assert first != second
    assert "logprobs" not in wire.requests[0][1]


async def test_text_is_streamed_and_complete(wire: WireServer, connect: Connect) -> None:
    """The text holds a line separator of Unicode, which ends no line of a stream."""
    heard = list[str]()
    done = await connect(wire).generate([1], PARAMS, on_text=heard.append)
    assert "".join(heard) == done.text
    assert done.text.count("\u2028") == 9
    assert len(heard) > 9
    assert done.ended_turn


async def test_the_session_is_a_header_whatever_it_is(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)
    await engine.generate([1], PARAMS, session="Bücher\r\nX-Evil: 1/solver_1")
    await engine.generate([1], PARAMS)
    assert wire.requests[0][0]["x-session-id"] == "B%C3%BCcher%0D%0AX-Evil:%201/solver_1"
    assert "x-session-id" not in wire.requests[1][0]


async def test_log_probabilities(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)
    done = {k: await engine.generate([1], SamplingParams(max_tokens=9, logprobs=k)) for k in (None, 0, 3)}
    assert done[None].token_logprobs is None
    assert done[0].token_logprobs == [-0.1] * 9
    assert done[0].token_confidences is None
    assert done[3].token_confidences == pytest.approx([0.2] * 9)


async def test_the_key_is_sent_to_every_route(serve_wire: Any, connect: Connect, monkeypatch: Any) -> None:
    server = serve_wire(ScriptedEngine(lambda *_: "four"), key="geheim")
    assert (await connect(server, api_key="geheim").generate([1], PARAMS)).text == "four<|im_end|>"
    monkeypatch.setenv("PEERLEAP_API_KEY", "geheim")
    assert (await connect(server).generate([1], PARAMS)).text == "four<|im_end|>"


async def test_cancelling_ends_the_work_of_the_server(wire: WireServer, connect: Connect, wait_until: Any) -> None:
    wire.chunk_seconds = 0.05
    engine, begun = connect(wire), asyncio.Event()
    request = asyncio.create_task(engine.generate([1], PARAMS, on_text=lambda _: begun.set()))
    await begun.wait()
    assert (wire.open, engine.unfinished()) == (1, 1)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.to_thread(wait_until, lambda: wire.open == 0, 10)
    assert wire.left == 1, "the connection was closed"
    assert engine.unfinished() == 0
    assert (await engine.generate([1], PARAMS)).ended_turn


async def test_closing_ends_requests_with_an_error(wire: WireServer, connect: Connect) -> None:
    wire.chunk_seconds = 0.05
    engine, begun = connect(wire), asyncio.Event()
    request = asyncio.create_task(engine.generate([1], PARAMS, on_text=lambda _: begun.set()))
    await begun.wait()
    await asyncio.to_thread(engine.close)
    with pytest.raises(EngineError, match="was closed"):
        await request
    with pytest.raises(EngineError, match="was closed"):
        await engine.generate([1], PARAMS)
    assert engine.closed


async def test_connections_are_used_again(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)
    for _ in range(20):
        await engine.generate([1], PARAMS)
    assert len(wire._writers) == 1


def test_loops_and_threads_at_once(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)

    async def many(first: int) -> list[str]:
        seeds = (SamplingParams(max_tokens=8, seed=first + n) for n in range(8))
        return [done.text for done in await asyncio.gather(*(engine.generate([1], params) for params in seeds))]

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda first: asyncio.run(many(first)), (10, 20, 30, 40)))
    assert results == [[f"seed {first + n}: "[:8] for n in range(8)] for first in (10, 20, 30, 40)]


@pytest.mark.parametrize(
    ("prompt", "changes", "words"),
    [([], {}, "0 tokens"), ([1] * 200, {}, "200 tokens"), ([1], {"max_tokens": 0}, "max_tokens=0")],
)
async def test_refused_requests(serve_wire: Any, connect: Connect, prompt: Any, changes: Any, words: str) -> None:
    server = serve_wire(ScriptedEngine(lambda *_: "four", context_length=100))
    engine = connect(server)
    bad = engine.generate(prompt, SamplingParams(**{"max_tokens": 5, **changes}))
    refused, good = await asyncio.gather(bad, engine.generate([1], PARAMS), return_exceptions=True)
    assert isinstance(refused, RequestRefused)
    assert words in str(refused)
    assert not isinstance(good, BaseException)
    assert good.text == "four<|im_end|>"


async def test_sessions_are_released_where_a_router_knows_the_request(wire: WireServer, connect: Connect) -> None:
    engine, sessions = connect(wire), ["r/a", "r/b", "r/c"]
    await engine.finish_sessions(sessions)
    for _ in range(2):
        wire.router = not wire.router
        for session in sessions:
            await engine.generate([1], PARAMS, session=session)
        await engine.finish_sessions([*sessions, "unknown"])
        assert sorted(wire.finished) == sessions, "the server without a router has answered 404"


_WITHOUT_VLLM = """
import sys
class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "vllm" or name in ("peerleap.engine.vllm_engine", "peerleap.engine.llm_thread"):
            raise ModuleNotFoundError(f"imported {name}")
sys.meta_path.insert(0, Refuses())
from peerleap.graph import build_graph
graph = build_graph(server=sys.argv[1], paths=2).compile()
print(graph.invoke({"question": "What is 2 + 2?"}, context={"rounds": 0, "max_tokens": 400})["answer"])
"""


def test_nothing_of_vllm_is_imported(serve_wire: Any) -> None:
    server = serve_wire(ScriptedEngine(lambda *_: "So it is \\boxed{4}."))
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_VLLM, server.url], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "4\n", done.stderr
