"""However a graph is called, the run is the same."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from peerleap.graph import CompiledLeapGraph

QUESTION = {"question": "What is 2 + 2?"}


def wordy(call: Any) -> str:
    if call.stage == "summary":
        return f"{call.path} has {call.params.seed} {'and so on ' * call.number}.</summarize>"
    if call.stage == "ask":
        return "4}\n"
    return f"{call.params.seed} is a number. " * 20 if call.round < 2 else "\\boxed{4}"


@pytest.fixture
def graph(team: Any) -> CompiledLeapGraph:
    compiled: CompiledLeapGraph = team(wordy, paths=4).graph.compile()
    return compiled


@pytest.fixture
def context(small: dict[str, Any]) -> dict[str, Any]:
    return {**small, "router": "random", "top_k": 2}


def essence(out: Any) -> Any:
    """A run without what depends on who came first to the cache."""
    histories = {
        name: [{key: value for key, value in s.items() if key not in {"cached_tokens", "seconds"}} for s in history]
        for name, history in out["histories"].items()
    }
    return histories, out["rounds"], out["votes"], out["answer"]


def test_synchronous_and_asynchronous(graph: Any, context: Any) -> None:
    one = graph.invoke(QUESTION, context=context)
    two = asyncio.run(graph.ainvoke(QUESTION, context=context))
    assert essence(one) == essence(two)
    assert len(one["rounds"]) == 2


def test_many_threads_and_event_loops_at_once(graph: Any, context: Any) -> None:
    expected = essence(graph.invoke(QUESTION, context=context))

    def in_a_loop() -> Any:
        async def both() -> Any:
            return await asyncio.gather(*(graph.ainvoke(QUESTION, context=context) for _ in range(2)))

        return asyncio.run(both())

    with ThreadPoolExecutor(4) as pool:
        plain = [pool.submit(graph.invoke, QUESTION, context=context) for _ in range(2)]
        loops = [pool.submit(in_a_loop) for _ in range(2)]
        outs = [future.result() for future in plain] + [out for future in loops for out in future.result()]
    assert len(outs) == 6
    assert all(essence(out) == expected for out in outs)


@pytest.mark.parametrize("paths", [1, 3])
async def test_synchronously_on_a_thread_whose_loop_runs(team: Any, small: Any, paths: int) -> None:
    """A notebook's cell does this."""
    graph = team(wordy, paths=paths).graph.compile()
    assert essence(graph.invoke(QUESTION, context=small)) == essence(await graph.ainvoke(QUESTION, context=small))


def test_batch(graph: Any, context: Any) -> None:
    questions = [{"question": f"What is {n} + 2?"} for n in range(2)]
    outs = graph.batch(questions, context=context)
    assert [out["answer"] for out in outs] == ["4"] * 2
    assert all(f"What is {n} + 2?" in out["histories"]["solver_1"][0]["text"] for n, out in enumerate(outs))
    assert [essence(out) for out in outs] == [essence(graph.invoke(q, context=context)) for q in questions]


async def test_abatch(graph: Any, context: Any) -> None:
    questions = [{"question": f"What is {n} + 2?"} for n in range(2)]
    outs = await graph.abatch(questions, context=context)
    assert [essence(out) for out in outs] == [essence(await graph.ainvoke(q, context=context)) for q in questions]


def test_a_batch_can_give_its_errors_back(graph: Any, context: Any) -> None:
    good, bad = graph.batch([QUESTION, {"question": ""}], context=context, return_exceptions=True)
    assert good["answer"] == "4"
    assert "question=''" in str(bad)


def test_a_message_asks_as_a_question_does(graph: Any, context: Any) -> None:
    from langchain_core.messages import AIMessage, HumanMessage

    asked = graph.invoke({"messages": [HumanMessage("What is 2 + 2?")]}, context=context)
    assert essence(asked) == essence(graph.invoke(QUESTION, context=context))
    as_dicts = graph.invoke({"messages": [{"role": "user", "content": "What is 2 + 2?"}]}, context=context)
    assert essence(as_dicts) == essence(asked)
    messages = [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage("What is 2 + 2?")]
    out = graph.invoke({"messages": messages}, context=context)
    assert [m.content for m in out["messages"]] == ["Hello", "Hi", "What is 2 + 2?", "4"]


def test_graphs_of_many_paths(team: Any, small: Any) -> None:
    graph = team(wordy, paths=40).graph.compile()
    out = graph.invoke(QUESTION, context={**small, "rounds": 1})
    assert out["votes"][0]["votes"] == 40
    assert len(out["rounds"][0]["routes"]) == 40
