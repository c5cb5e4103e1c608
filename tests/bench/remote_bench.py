"""What a server between LeaP and its model costs: `vllm serve` against the engine in this process, and HTTP alone.

The engine in this process and the server run the same questions in turns, so that a machine whose speed drifts slows
both. The first token of `peerleap serve` in front of that server is held against the server's own, for the same prompt.
"""

import asyncio
import importlib.util
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from peerleap.engine import (
    EMBEDDED,
    Engine,
    SamplingParams,
    ScriptedEngine,
    ServerEngine,
    VLLMEngine,
    detect_thinking,
    render_prompt,
    resolve_model,
)
from peerleap.engine.device import default_engine_args
from peerleap.graph import build_graph

_CONTEXT = 4096
_QUESTIONS = (
    "Tom has 3 boxes of 4 apples and eats 2 of them. How many apples are left?",
    "What is the sum of the first 10 odd numbers?",
    "A train travels 60 km in 45 minutes. What is its speed in km/h?",
)
_SETTINGS = {"interval": 128, "rounds": 2, "max_tokens": 500, "top_k": 2, "seed": 1}
_PATHS = 8
_MANY = {"paths": 256, "rounds": 8}
_SHORT = {"router": "random", "interval": 16, "max_tokens": 4096, "summary_tokens": 32, "answer_tokens": 32, "top_k": 1}


def run() -> dict[str, dict[str, Any]]:
    figures = _http_alone()
    with _vllm_server() as url:
        return figures | asyncio.run(_against(url))


async def _against(url: str) -> dict[str, dict[str, Any]]:
    here, there = VLLMEngine(EMBEDDED, max_model_len=_CONTEXT), ServerEngine(url, EMBEDDED)
    ratios = []
    try:
        for question in ("What is 1 + 1?", *_QUESTIONS):  # the first one starts what has to be started
            local, remote = await _run(here, question), await _run(there, question)
            ratios.append((remote[0] / local[0]) * (local[1] / remote[1]))
            print(
                f"  in process {local[0]:.1f} s, {local[1]} tokens; server {remote[0]:.1f} s, {remote[1]}", flush=True
            )
    finally:
        here.close()
    ratio = statistics.median(ratios[1:])
    async with _peerleap_server(url) as endpoint:
        firsts = [(await _first_of_server(there), await _first_of_endpoint(endpoint)) for _ in range(12)][2:]
    there.close()
    direct, through = (statistics.median(of) for of in zip(*firsts, strict=True))
    return {
        "remote_over_in_process": {"value": ratio, "unit": "x", "goal": "<= 1.10", "ok": ratio <= 1.10},
        "endpoint_first_token_over_server": {
            "value": through / direct, "unit": "x", "goal": "<= 1.3", "ok": through / direct <= 1.3
        },
        "endpoint_first_token": {"value": 1000 * through, "unit": "ms", "goal": "-", "ok": True},
    }  # fmt: skip


async def _run(engine: Engine, question: str) -> tuple[float, int]:
    """Seconds of a run, and the tokens that it generated."""
    graph = build_graph(paths=_PATHS, engine=engine).compile()
    start = time.perf_counter()
    out: Any = await graph.ainvoke({"question": question}, context=_SETTINGS)
    return time.perf_counter() - start, out["usage"]["generated"]


async def _first_of_server(engine: ServerEngine) -> float:
    """Seconds until the server's first text for a path's prompt, for as many requests as LeaP has paths."""
    begun, first = time.perf_counter(), asyncio.Event()
    tokenizer = engine.tokenizer
    prompt = render_prompt(tokenizer, f"{_QUESTIONS[0]} {begun}", detect_thinking(tokenizer))  # found in no cache
    requests = [
        asyncio.create_task(
            engine.generate(prompt, SamplingParams(max_tokens=8, seed=n), session=str(n), on_text=lambda _: first.set())
        )
        for n in range(_PATHS)
    ]
    await first.wait()
    seconds = time.perf_counter() - begun
    await asyncio.gather(*requests)
    return seconds


async def _first_of_endpoint(url: str) -> float:
    """Seconds until the first text of `peerleap serve` for the same question."""
    begun = time.perf_counter()
    body = {"model": f"peerleap:paths={_PATHS}", "stream": True, "max_tokens": 64,
            "messages": [{"role": "user", "content": _QUESTIONS[0] + f" {begun}"}]}  # fmt: skip
    async with (
        httpx.AsyncClient(timeout=300) as http,
        http.stream("POST", f"{url}/v1/chat/completions", json=body) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {") and (choices := json.loads(line.removeprefix("data: "))["choices"]):
                delta = choices[0]["delta"]  # the first one names the role alone
                if delta.get("reasoning_content") or delta.get("content"):
                    return time.perf_counter() - begun
    raise RuntimeError("no text came")


@contextmanager
def _process(command: list[str], **env: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(3000):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not start")


@contextmanager
def _vllm_server() -> Iterator[str]:
    """`vllm serve` with the embedded model, as the engine in this process starts it."""
    port, model = _free_port(), resolve_model(EMBEDDED)
    command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", "--model", model.path,
               "--host", "127.0.0.1", "--port", str(port), "--max-model-len", str(_CONTEXT), "--enforce-eager",
               "--no-enable-chunked-prefill", "--enable-prompt-tokens-details",
               "--generation-config", "vllm"]  # fmt: skip
    args = default_engine_args("cpu", model)
    for name in ("dtype", "block_size"):
        command += [f"--{name.replace('_', '-')}", str(args[name])]
    with _process(command, VLLM_NO_USAGE_STATS="1", VLLM_CPU_KVCACHE_SPACE="1", TORCH_COMPILE_DISABLE="1") as process:
        _wait(process, url := f"http://127.0.0.1:{port}")
        yield url


@asynccontextmanager
async def _peerleap_server(server: str) -> AsyncIterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "peerleap", "serve", "--server", server, "--port", str(port)]
    with _process(command) as process:
        await asyncio.to_thread(_wait, process, url := f"http://127.0.0.1:{port}")
        yield url


def _script(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have found that 2 + 2 is 4.</summarize>"
    return "Let me see, two and two make four, I think. " * 8


def _scripted_run(engine: Engine, *, paths: int, rounds: int) -> int:
    """Number of requests of a run with many short stretches."""
    graph = build_graph(paths=paths, engine=engine).compile()
    out: Any = asyncio.run(graph.ainvoke({"question": "What is 2 + 2?"}, context={**_SHORT, "rounds": rounds}))
    return int(out["usage"]["requests"])


def _http_alone() -> dict[str, dict[str, Any]]:
    """256 paths with 8 blocks, on a scripted model in this process and behind HTTP, which costs the difference."""
    with tempfile.TemporaryDirectory() as folder, _process([sys.executable, __file__, folder]) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        remote, local = ServerEngine(url, folder), ScriptedEngine(_script, context_length=32768)
        seconds = []
        for engine in (local, remote):
            _scripted_run(engine, paths=2, rounds=1)  # the first one starts what has to be started
            begun = time.perf_counter()
            requests = _scripted_run(engine, **_MANY)
            seconds.append(time.perf_counter() - begun)
        remote.close()
    print(f"  {requests} requests: in process {seconds[0]:.1f} s, over HTTP {seconds[1]:.1f} s", flush=True)
    added = 1000 * (seconds[1] - seconds[0]) / requests
    return {
        "http_per_request": {"value": added, "unit": "ms", "goal": "< 5", "ok": added < 5},
        "paths_256_rounds_8_over_http": {"value": seconds[1], "unit": "s", "goal": "-", "ok": True},
    }


def _serve_scripted(folder: Path) -> None:
    file = Path(__file__).parents[1] / "engine" / "server" / "wire_server.py"
    spec = importlib.util.spec_from_file_location("wire_server", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    engine = ScriptedEngine(_script, context_length=32768)
    engine.tokenizer.save_pretrained(folder)
    print(module.WireServer(engine, folder).url, flush=True)
    signal.pause()


if __name__ == "__main__":
    _serve_scripted(Path(sys.argv[1]))
