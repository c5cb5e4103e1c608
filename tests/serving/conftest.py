"""A real uvicorn on a free port, with a scripted model behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from peerleap.engine import Completion, SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.serving import Admission, Graphs, Keys, Limits, bind, create_app, serve

# Bytes are tokens here: thoughts and prompts are some five times longer than with a real tokenizer.
SMALL = {"interval": 60, "grace": 20, "summary_tokens": 64, "max_tokens": 900, "answer_tokens": 60, "rounds": 1}


class CountedEngine(ScriptedEngine):
    """A scripted engine that counts who writes, and who was cancelled; a thought comes in pieces."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_write, thinking=True, **options)
        self.running = self.most = self.aborted = 0

    async def generate(self, token_ids: Any, params: SamplingParams, **options: Any) -> Completion:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await super().generate(token_ids, params, **options)
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        finally:
            self.running -= 1


def _write(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have found that 2 + 2 is 4.</summarize>"
    if "</summarize>" not in prompt.rpartition("assistant\n")[2] and params.stop:
        return "Let me see, two and two. " * 30
    return "So it is.</think>It is \\boxed{4}."


@dataclass
class Served:
    """A server that runs."""

    url: str
    engine: CountedEngine
    admission: Admission
    task: asyncio.Task[int]
    http: httpx.AsyncClient
    openai_http: DefaultAsyncHttpxClient

    def client(self, key: str = "none") -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, http_client=self.openai_http)


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def served() -> Serve:
    """Serve a scripted model: `async with served(speed=..., keys=[...], **limits) as server`."""
    return _served


@asynccontextmanager
async def _served(
    *,
    speed: float | None = None,
    keys: Any = (),
    grace: float = 20,
    engine: Any = None,
    hosts: Any = ("*",),
    **limits: Any,
) -> AsyncIterator[Served]:
    engine = engine or CountedEngine(tokens_per_second=speed)
    admission = Admission(Limits(**limits))
    graphs = Graphs(lambda paths, _: build_graph(paths=paths, engine=engine).compile(), paths=4)
    app = create_app(graphs, admission, Keys(keys), hosts=hosts)
    listener, ready = bind("127.0.0.1", 0), asyncio.Event()
    port = listener.getsockname()[1]
    task = asyncio.create_task(serve(app, admission, listener, grace=grace, ready=ready.set))
    await ready.wait()
    try:
        async with httpx.AsyncClient(timeout=60) as http, DefaultAsyncHttpxClient(timeout=60) as openai_http:
            yield Served(f"http://127.0.0.1:{port}", engine, admission, task, http, openai_http)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def ask() -> dict[str, Any]:
    """A request, for the `openai` client and as a JSON body."""
    return {
        "model": "peerleap",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}],
    }


@pytest.fixture
def leap() -> dict[str, Any]:
    """LeaP's own field of a request."""
    return dict(SMALL)
