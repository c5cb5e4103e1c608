"""What a user may write; `assert_type` fails where a type checker sees another type, or `Any`."""

import asyncio
from pathlib import Path
from typing import assert_type

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from peerleap.agents import Peer
from peerleap.engine import get_engine
from peerleap.evals import Comparison, Grader, MethodConfig, Plan, Records, Results, header, load, run_eval
from peerleap.evals import compare as compare_methods
from peerleap.graph import (
    Event,
    LeapInput,
    LeapOutput,
    Run,
    Segment,
    Settings,
    Vote,
    build_graph,
    compare,
    fork,
    open_checkpointer,
    read_run,
)
from peerleap.tools import python

QUESTION: LeapInput = {"question": "How many primes are below 100?"}


def show(event: Event) -> str:
    """An event as a line."""
    return f"{event.get('path', 'run')}: {event['type']} {event.get('text', '')}"


def winner(out: LeapOutput) -> Vote | None:
    """The group of answers with the most votes."""
    return max(out["votes"], key=lambda vote: vote["votes"], default=None)


def thoughts(history: list[Segment]) -> list[int]:
    """The token ids of a path's thought."""
    return [token for segment in history if segment["kind"] == "thought" for token in segment["token_ids"]]


async def watch() -> LeapOutput:
    """The same from a program with an event loop."""
    graph = build_graph(paths=8).compile()
    async for event in graph.astream(QUESTION, stream_mode="custom", context=Settings(router="hybrid")):
        assert_type(event, Event)
        print(show(event))
    async for state in graph.astream(QUESTION, stream_mode="values"):
        assert_type(state, LeapOutput)
    async for message, where in graph.astream(QUESTION, stream_mode="messages"):
        assert_type(message, BaseMessage)
        assert_type(where, dict[str, object])
    async for update in graph.astream(QUESTION):
        assert_type(update, dict[str, object])
    return await graph.ainvoke(QUESTION)


def main() -> None:
    """Ask, store, fork, compare; then an eval."""
    team = [Peer(name="solver", count=3), Peer(name="coder", tools=[python()], instructions="Run code.")]
    config: RunnableConfig = {"configurable": {"thread_id": "primes"}}
    with open_checkpointer() as checkpointer:
        graph = build_graph("Qwen/Qwen3-4B-Thinking-2507", peers=team, max_model_len=16384).compile(checkpointer)
        out = graph.invoke(QUESTION, config, context={"interval": 2048, "top_k": 2})
        assert_type(out, LeapOutput)
        assert_type(out["answer"], str | None)
        assert_type(out["rounds"][0]["routes"], dict[str, list[str]])
        for event in graph.stream(QUESTION, config, stream_mode="custom"):
            assert_type(event, Event)
        for state in graph.stream(QUESTION, config, stream_mode="values"):
            assert_type(state, LeapOutput)
        for update in graph.stream(QUESTION, config):
            assert_type(update, dict[str, object])
        for message, where in graph.stream(QUESTION, config, stream_mode="messages"):
            assert_type(message, BaseMessage)
            assert_type(where, dict[str, object])
        run = read_run(graph, config)
        assert_type(run, Run)
        forked = fork(graph, config, round=0, settings={"router": "random"})
        assert_type(graph.invoke(None, forked), LeapOutput)
        print(compare(run, read_run(graph, forked))["changed"])
        print(winner(out), len(thoughts(out["histories"]["solver_1"])))

    engine = get_engine()
    plan = Plan("aime2024", load("aime2024"), "leap", MethodConfig(paths=16, settings={"rounds": 3}))
    with Grader() as grader, Records.open(Path("leap.jsonl"), header(plan, engine)) as records:
        asyncio.run(run_eval(plan, engine, records, grader))
    assert_type(compare_methods([Results.read(Path("leap.jsonl"))]), list[Comparison])


if __name__ == "__main__":
    main()
