"""Threads for blocking calls: as many as are needed, and none that wait for nothing."""

import asyncio
import threading
import time
from typing import Any

import pytest
from langchain_core.tools import tool

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.tools.threads import BoundedThreads

SETTINGS = {"interval": 4000, "max_tokens": 4000, "answer_tokens": 60, "rounds": 0}


def named(prefix: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(prefix)]


def test_idle_threads_end_and_new_work_starts_others(wait_until: Any) -> None:
    made = BoundedThreads(4, "idle-test", idle_s=0.2)
    gate = threading.Barrier(4, timeout=10)

    async def meet() -> list[int]:
        return await asyncio.gather(*(made.run(gate.wait) for _ in range(4)))

    for _ in range(3):
        assert sorted(asyncio.run(meet())) == [0, 1, 2, 3]
        assert named("idle-test")
        wait_until(lambda: not named("idle-test"), 10)


async def test_no_call_is_forgotten_while_threads_end() -> None:
    made = BoundedThreads(2, "race-test", idle_s=0.001)
    for number in range(300):
        assert await asyncio.wait_for(made.run(lambda n: n, number), 10) == number
        await asyncio.sleep(0.001 * (number % 3))  # about as long as a thread waits for work
    both = [made.run(lambda n: n, number) for number in range(200)]
    assert await asyncio.wait_for(asyncio.gather(*both), 20) == list(range(200))


async def test_more_calls_than_threads_all_get_their_turn() -> None:
    made = BoundedThreads(2, "turn-test", idle_s=0.05)
    most = 0

    def work(number: int) -> int:
        nonlocal most
        most = max(most, len(named("turn-test")))
        time.sleep(0.01)
        return number

    assert await asyncio.gather(*(made.run(work, number) for number in range(20))) == list(range(20))
    assert most == 2


async def test_closed_threads_refuse_work(wait_until: Any) -> None:
    made = BoundedThreads(2, "closed-test", idle_s=60)
    await made.run(lambda: None)
    made.close()
    with pytest.raises(RuntimeError, match="'closed-test' are closed"):
        await made.run(lambda: None)
    wait_until(lambda: not named("closed-test"), 10)


def test_a_graph_that_is_kept_holds_no_threads(wait_until: Any) -> None:
    ran: list[str] = []

    @tool("shout")
    def shout(text: str) -> str:
        """Says it louder."""
        ran.append(threading.current_thread().name)
        return text.upper()

    def write(prompt: str, params: SamplingParams) -> str:
        if not params.stop_token_ids:
            return "\\boxed{4}"
        call = '<tool_call>{"name": "shout", "arguments": {"text": "hey"}}</tool_call>'
        return "It says HEY.</think>" if "HEY" in prompt else call

    team = [Peer(name="solver", count=2, tools=[shout])]
    graphs: list[Any] = [build_graph(peers=team, engine=ScriptedEngine(write, thinking=True)).compile() for _ in "1234"]
    for _ in range(2):  # threads that have ended are no obstacle to the next run
        for graph in graphs:
            graph.invoke({"question": "What is 2 + 2?"}, context=SETTINGS)
        assert named("peerleap-tool")
        wait_until(lambda: not named("peerleap-tool"), 30)
    assert len(ran) == 16
    assert all(name.startswith("peerleap-tool-") for name in ran)
