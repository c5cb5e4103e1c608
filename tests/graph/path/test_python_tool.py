"""The `python` tool in a run: a session for each path, replayed after a resume, gone when the run ends."""

import asyncio
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.tools import ToolLimits, python
from peerleap.tools.sandbox import Sandbox, probe

SETTINGS = {"interval": 60, "grace": 40, "summary_tokens": 64, "max_tokens": 8000, "answer_tokens": 60, "rounds": 2}
OUTPUT = re.compile(r"```output\n(.*?)\n\[", re.DOTALL)

pytestmark = pytest.mark.skipif(not probe().tier, reason="this machine can build no walls")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def children() -> set[int]:
    """Living processes below this one."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents[int(folder.name)] = int(parent)
    found: set[int] = set()
    fresh = {os.getpid()}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


def cell(code: str) -> str:
    return f"```python\n{code}\n```\n"


def write(prompt: str, params: SamplingParams) -> str:
    """A cell that makes a variable, a block, and a cell that needs the variable."""
    if "</summarize>" in params.stop:
        return "so far 4</summarize>"
    if not params.stop_token_ids:
        return "\\boxed{4}"
    outputs = len(OUTPUT.findall(prompt))
    if outputs == 0:
        return cell("import random; x = 40; print('made', x)")
    if "</comment>\n" not in prompt:
        return "I think. " * 100
    return cell("print(x + 2)") if outputs == 1 else "Done.</think>"


def graph(tool: Any, write: Any = write, count: int = 2, limits: ToolLimits | None = None, **compiled: Any) -> Any:
    peers = [Peer(name="coder", count=count, tools=[tool], limits=limits or ToolLimits(seconds=30))]
    return build_graph(peers=peers, engine=ScriptedEngine(write, thinking=True)).compile(**compiled)


def answers(out: dict[str, Any], path: str) -> list[Any]:
    return [segment for segment in out["histories"][path] if segment["kind"] == "tool"]


def outputs(out: dict[str, Any], path: str) -> list[str]:
    return [OUTPUT.findall(segment["text"])[0] for segment in answers(out, path)]


def test_variables_last_over_rounds_and_nothing_is_left() -> None:
    before = children()
    out = graph(python()).invoke({"question": "What is 40 + 2?"}, context=SETTINGS)
    for path in ("coder_1", "coder_2"):
        assert outputs(out, path) == ["made 40", "42"]
        assert answers(out, path)[1]["tool"]["cell"] == "print(x + 2)"
    assert children() <= before


def test_paths_do_not_share_variables(box: Sandbox) -> None:
    def write(prompt: str, params: SamplingParams) -> str:
        if not params.stop_token_ids:
            return "\\boxed{4}"
        code = "n = globals().get('n', 0) + 1; print('n is', n)"
        return "Done.</think>" if OUTPUT.search(prompt) else cell(code)

    out = graph(python(box), write, count=3).invoke({"question": "What is 2 + 2?"}, context={**SETTINGS, "rounds": 0})
    assert [outputs(out, f"coder_{number}") for number in (1, 2, 3)] == [["n is 1"]] * 3


def test_a_resumed_run_gets_its_variables_back(box: Sandbox) -> None:
    config = {"configurable": {"thread_id": "resume"}}
    stopping = graph(python(box), checkpointer=InMemorySaver(), interrupt_before=["leap_block"])
    stopping.invoke({"question": "What is 40 + 2?"}, config, context=SETTINGS)
    while stopping.get_state(config).next:
        stopping.invoke(None, config, context=SETTINGS)
    out = stopping.get_state(config).values
    for path in ("coder_1", "coder_2"):
        texts = [s["text"] for s in out[f"history_{path}"] if s["kind"] == "tool"]
        assert [OUTPUT.findall(text)[0] for text in texts] == ["made 40", "42"]


def test_the_model_is_told_what_a_resume_could_not_restore(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from peerleap.tools.sandbox import ReplayResult, Session

    async def broken(*_: Any, **__: Any) -> ReplayResult:
        return ReplayResult(0, 1, "no")

    monkeypatch.setattr(Session, "areplay", broken)
    config = {"configurable": {"thread_id": "lost"}}
    stopping = graph(python(box), checkpointer=InMemorySaver(), interrupt_before=["leap_block"])
    stopping.invoke({"question": "What is 40 + 2?"}, config, context=SETTINGS)
    stopping.invoke(None, config, context=SETTINGS)
    text = next(
        s["text"] for s in reversed(stopping.get_state(config).values["history_coder_1"]) if s["kind"] == "tool"
    )
    assert "SandboxRestarted: 0 of 1 earlier blocks were restored (no)" in text
    assert "NameError" in text


def test_a_cell_over_its_time_is_told(box: Sandbox) -> None:
    def write(prompt: str, params: SamplingParams) -> str:
        if not params.stop_token_ids:
            return "\\boxed{4}"
        return "Done.</think>" if "TimeoutError" in prompt else cell("while True: pass")

    limits = ToolLimits(seconds=0.5)
    out = graph(python(box), write, 1, limits).invoke({"question": "What is 2 + 2?"}, context=SETTINGS)
    assert "TimeoutError: stopped after 0.5 s (variables kept)" in answers(out, "coder_1")[0]["text"]
    assert answers(out, "coder_1")[0]["tool"]["status"] == "error"
    assert out["paths"]["coder_1"]["status"] == "finished"


@pytest.mark.parametrize("seconds", [60.0, 86_400.0])
def test_a_path_with_the_longest_time_limit_runs_its_cells(seconds: float, box: Sandbox) -> None:
    def write(prompt: str, params: SamplingParams) -> str:
        if not params.stop_token_ids:
            return "\\boxed{4}"
        return "Done.</think>" if "[7 tool calls left]" in prompt else cell("print(6 * 7)")

    limits = ToolLimits(seconds=seconds, path_seconds=seconds)
    out = graph(python(box), write, 1, limits).invoke({"question": "What is 2 + 2?"}, context=SETTINGS)
    assert answers(out, "coder_1")[0]["text"].startswith("```output\n42\n")


async def test_a_cancelled_run_leaves_no_process() -> None:
    def write(prompt: str, params: SamplingParams) -> str:
        return cell("print('hot', flush=True)\nwhile True: pass")

    before, started = children(), asyncio.Event()

    async def consume() -> None:
        stream = graph(python(), write).astream({"question": "2 + 2?"}, context=SETTINGS, stream_mode="custom")
        async for event in stream:
            if event["type"] == "tool_start":
                started.set()

    run = asyncio.create_task(consume())
    await started.wait()
    while not children() - before:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert children() <= before
