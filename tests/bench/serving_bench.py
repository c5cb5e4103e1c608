"""What `peerleap serve` adds to a run: time to the first text, and 200 clients at once, on a scripted model."""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import CompiledLeapGraph, build_graph
from peerleap.serving import Admission, Graphs, Keys, Limits, bind, create_app, serve

_QUESTION = "What is 2 + 2?"
_SETTINGS = {"interval": 60, "grace": 20, "summary_tokens": 64, "max_tokens": 900, "answer_tokens": 60, "rounds": 1}
_CLIENTS, _WAVES, _PATHS = 200, 3, 2


class _Engine(ScriptedEngine):
    """Keeps no requests: what grows is the server's own."""

    async def generate(self, *args: Any, **options: Any) -> Any:
        done = await super().generate(*args, **options)
        self.requests.clear()
        self.sessions.clear()
        return done


def _script(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have found that 2 + 2 is 4.</summarize>"
    if "</summarize>" not in prompt.rpartition("assistant\n")[2] and params.stop:
        return "Let me see, two and two. " * 30
    return "So it is.</think>It is \\boxed{4}."


def _graph(paths: int | None = _PATHS, _: str = "") -> CompiledLeapGraph:
    return build_graph(paths=paths, engine=_ENGINE).compile()


_ENGINE = _Engine(_script, thinking=True)


async def _serve() -> None:
    admission, listener = Admission(Limits(paths_at_once=64)), bind("127.0.0.1", 0)
    app = create_app(Graphs(_graph, paths=_PATHS), admission, Keys())
    print(listener.getsockname()[1], flush=True)
    await serve(app, admission, listener)


async def _ask(http: httpx.AsyncClient, url: str) -> tuple[float, float, bool]:
    """Seconds to the first text and to the end, and whether the answer is right."""
    body = {
        "model": "peerleap", "messages": [{"role": "user", "content": _QUESTION}], "stream": True, "leap": _SETTINGS
    }  # fmt: skip
    start, first, text = time.perf_counter(), 0.0, ""
    try:
        async with http.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
            async for part in answer.aiter_text():
                text += part
                if not first and "reasoning_content" in part:
                    first = time.perf_counter() - start
    except httpx.HTTPError:
        return first, 0.0, False
    return first, time.perf_counter() - start, '"content": "4"' in text and text.endswith("[DONE]\n\n")


async def _in_process(graph: CompiledLeapGraph) -> float:
    """Seconds to the first text without a server."""
    start = time.perf_counter()
    stream = graph.astream({"question": _QUESTION}, context=_SETTINGS, stream_mode="custom")
    first = 0.0
    async for event in stream:
        if not first and event["type"] == "tokens":
            first = time.perf_counter() - start
    return first


def _megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


async def _measure(url: str, pid: int) -> dict[str, dict[str, Any]]:
    graph = _graph()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=300) as http:
        pairs = [((await _ask(http, url))[0], await _in_process(graph)) for _ in range(40)][5:]
        added = statistics.median(served - alone for served, alone in pairs) * 1000
        errors, ends, sizes = 0, list[float](), list[float]()
        for _ in range(_WAVES):
            replies = await asyncio.gather(*(_ask(http, url) for _ in range(_CLIENTS)))
            errors += sum(not right for _, _, right in replies)
            ends += [end for _, end, _ in replies]
            sizes.append(_megabytes(pid))
    p99, grown = sorted(ends)[int(len(ends) * 0.99)], sizes[-1] - sizes[0]
    return {
        "serving_first_text_added": {"value": added, "unit": "ms", "goal": "< 20", "ok": added < 20},
        "serving_errors_200_clients": {"value": errors, "unit": "requests", "goal": "0", "ok": errors == 0},
        "serving_p99_200_clients": {"value": p99, "unit": "s", "goal": "< 30", "ok": p99 < 30},
        "serving_memory_growth": {"value": grown, "unit": "MB", "goal": "< 10", "ok": grown < 10},
    }


def run() -> dict[str, dict[str, Any]]:
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            return asyncio.run(_measure(f"http://127.0.0.1:{port}", server.pid))
        finally:
            server.terminate()


if __name__ == "__main__":
    asyncio.run(_serve())
