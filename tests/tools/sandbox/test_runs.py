"""A run with tools leaves no process, no descriptor, no folder and no thread, whatever way it ends."""

import asyncio
import gc
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.agents import Peer
from peerleap.engine import Completion, EngineDead, OnText, SamplingParams, ScriptedEngine
from peerleap.graph import AllPathsFailed, build_graph
from peerleap.tools import ToolLimits, python, read_page, web_search
from peerleap.tools.sandbox import probe
from peerleap.tools.search.page import Page
from peerleap.tools.search.rate_limit import RateLimit
from peerleap.tools.search.searxng import SearxngBackend

SETTINGS = {"interval": 800, "cut": "exact", "summary_tokens": 64, "max_tokens": 9000, "answer_tokens": 60, "rounds": 1}
DEAF = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nprint('hot', flush=True)\nwhile True: pass"

pytestmark = pytest.mark.skipif(not probe().tier, reason="this machine can build no walls")


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that import neither numpy nor sympy start in a moment."""
    monkeypatch.setattr("peerleap.tools.sandbox.worker_process.PRELOAD", ())


def blocking() -> BaseTool:
    @tool("shout")
    def shout(text: str) -> str:
        """Says it louder."""
        return text.upper()

    return shout


class Script:
    """Three calls, a block, an end; `last` is the code of the third call."""

    def __init__(self, last: str = "x + 1") -> None:
        self.last = last

    def __call__(self, prompt: str, params: SamplingParams) -> str:
        if "</summarize>" in params.stop:
            return "so far</summarize>"
        if not params.stop_token_ids:
            return "\\boxed{4}"
        if "</comment>\n" in prompt:
            return "Done.</think>"
        calls = [
            "```python\nx = 40\nx\n```\n",
            f"<tool_call>{json.dumps({'name': 'shout', 'arguments': {'text': 'hey'}})}</tool_call>",
            f"<tool_call>{json.dumps({'name': 'web_search', 'arguments': {'query': 'sums'}})}</tool_call>",
            f"```python\n{self.last}\n```\n",
        ]
        done = prompt.count(" tool calls left]")
        return calls[done] if done < len(calls) else "I think. " * 100


class Dying(ScriptedEngine):
    """An engine that is gone once a path has run its cells."""

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        if self.tokenizer.decode(list(token_ids)).count(" tool calls left]") >= 4:
            raise EngineDead("the engine is gone")
        return await super().generate(token_ids, params, session=session, on_text=on_text)


def compiled(engine: ScriptedEngine, **options: Any) -> Any:
    search = web_search(SearxngBackend("http://127.0.0.1:9"), rate_limit=RateLimit(concurrent=8, interval_s=0))
    peers = [Peer(name="coder", count=2, tools=[python(), blocking(), search], limits=ToolLimits(seconds=60))]
    return build_graph(peers=peers, engine=engine).compile(**options)


def scripted(last: str = "x + 1") -> ScriptedEngine:
    return ScriptedEngine(Script(last), thinking=True)


QUESTION = {"question": "What is 2 + 2?"}
KEPT = {"configurable": {"thread_id": "kept"}}


def ended() -> None:
    out = compiled(scripted()).invoke(QUESTION, context=SETTINGS)
    assert {path["status"] for path in out["paths"].values()} == {"finished"}
    assert [s["tool"]["status"] for s in out["histories"]["coder_1"] if "tool" in s] == ["ok", "ok", "error", "ok"]


def ended_on_a_loop() -> None:
    out = asyncio.run(compiled(scripted()).ainvoke(QUESTION, context=SETTINGS))
    assert {path["status"] for path in out["paths"].values()} == {"finished"}


def failed() -> None:
    with pytest.raises(AllPathsFailed, match="the engine is gone"):
        compiled(Dying(Script(), thinking=True)).invoke(QUESTION, context=SETTINGS)


def failed_on_a_loop() -> None:
    with pytest.raises(AllPathsFailed, match="the engine is gone"):
        asyncio.run(compiled(Dying(Script(), thinking=True)).ainvoke(QUESTION, context=SETTINGS))


def killed_its_sessions() -> None:
    out = compiled(scripted("import os; os._exit(1)")).invoke(QUESTION, context=SETTINGS)
    assert {path["status"] for path in out["paths"].values()} == {"finished"}


def paused() -> None:
    graph = compiled(scripted(), checkpointer=InMemorySaver(), interrupt_before=["leap_block"])
    graph.invoke(QUESTION, KEPT, context=SETTINGS)
    assert graph.get_state(KEPT).next == ("leap_block",)


def not_read_to_its_end() -> None:
    stream = compiled(scripted()).stream(QUESTION, context=SETTINGS, stream_mode="custom")
    assert any(event["type"] == "tool_end" for event in stream)
    stream.close()


def cancelled() -> None:
    async def run() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(consume(started))
        await started.wait()
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def consume(started: asyncio.Event) -> None:
        stream: AsyncIterator[Any] = compiled(scripted(DEAF)).astream(QUESTION, context=SETTINGS, stream_mode="custom")
        async with aclosing(stream):  # type: ignore[type-var]  # it is a generator
            async for event in stream:
                if event["type"] == "tool_start" and "hot" in event["text"]:
                    started.set()

    asyncio.run(run())


def cancelled_while_it_reads_a_page() -> None:
    async def fetched(url: str, **_: Any) -> Page:
        return Page(url, "html", b"<p>x</p>")

    async def run() -> None:
        task = asyncio.create_task(graph.ainvoke(QUESTION, context=SETTINGS))
        while not started.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    call = f"<tool_call>{json.dumps({'name': 'read_page', 'arguments': {'url': 'http://a.example/'}})}</tool_call>"
    reader = Peer(name="reader", count=2, tools=[read_page(seconds=600)], limits=ToolLimits(seconds=60))
    graph: Any = build_graph(peers=[reader], engine=ScriptedEngine(lambda *_: call, thinking=True)).compile()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        worker, started = Path(folder, "worker.py"), Path(folder, "started")
        worker.write_text(f"import time\nopen({str(started)!r}, 'w')\ntime.sleep(600)")
        patch.setattr("peerleap.tools.search.extraction._WORKER", worker)
        patch.setattr("peerleap.tools.search.tools.fetch", fetched)
        asyncio.run(run())


WAYS = [
    ended,
    ended_on_a_loop,
    failed,
    failed_on_a_loop,
    killed_its_sessions,
    paused,
    not_read_to_its_end,
    cancelled,
    cancelled_while_it_reads_a_page,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_is_left(
    way: Callable[[], None],
    descendants: Callable[[int], set[int]],
    open_files: Callable[[], dict[int, str]],
    eventually: Callable[[Callable[[], bool]], bool],
) -> None:
    way()  # what is imported, or opened once for the whole process, is not ours to close
    gc.collect()
    processes, files = descendants(os.getpid()), open_files()
    folders = set(Path(tempfile.gettempdir()).glob("peerleap-*"))
    way()
    assert descendants(os.getpid()) <= processes
    assert set(Path(tempfile.gettempdir()).glob("peerleap-*")) <= folders
    # Threads wait some seconds for more work; a cache that nobody holds any more is closed by the collector.
    assert eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("peerleap-tool")])
    gc.collect()
    assert set(open_files().items()) <= set(files.items())
