"""Cancelling a run ends its requests, and is not taken for a failed path."""

import asyncio
from typing import Any

import pytest


def slow(call: Any) -> str:
    if call.stage == "summary":
        return "s" * 60 + "</summarize>"
    return "x" * 99 if call.round == 0 else "\\boxed{4}"


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("stage", ["thought", "summary"])
async def test_no_request_is_left(team: Any, small: Any, stage: str) -> None:
    made = team(slow, paths=3, tokens_per_second=400)
    run = asyncio.ensure_future(made.graph.compile().ainvoke({"question": "What is 2 + 2?"}, context=small))
    await until(lambda: sum(call.stage == stage for call in made.engine.calls) == 3)
    assert made.engine.running == 3
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await until(lambda: made.engine.running == 0)
    before = len(made.engine.calls)
    await asyncio.sleep(0.05)
    assert len(made.engine.calls) == before


async def test_leaving_a_stream_ends_the_requests(team: Any, small: Any) -> None:
    made = team(slow, paths=3, tokens_per_second=400)
    stream = made.graph.compile().astream({"question": "What is 2 + 2?"}, context=small, stream_mode="custom")
    async for event in stream:
        if event["type"] == "tokens":
            break
    assert made.engine.running
    await stream.aclose()
    await until(lambda: made.engine.running == 0)  # fails after some seconds


async def test_other_runs_of_the_graph_go_on(team: Any, small: Any) -> None:
    made = team(slow, paths=2, tokens_per_second=2000)
    graph = made.graph.compile()
    runs = [asyncio.ensure_future(graph.ainvoke({"question": f"What is {n} + 2?"}, context=small)) for n in (2, 3)]
    await until(lambda: made.engine.running)
    runs[0].cancel()
    assert (await runs[1])["answer"] == "4"
    with pytest.raises(asyncio.CancelledError):
        await runs[0]


async def test_a_timeout_around_a_run(team: Any, small: Any) -> None:
    made = team(slow, paths=2, tokens_per_second=50)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await made.graph.compile().ainvoke({"question": "What is 2 + 2?"}, context=small)
    await until(lambda: made.engine.running == 0)
