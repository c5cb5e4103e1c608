"""A person as a peer."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from peerleap.graph import InputError, SettingsError

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


def writes(call: Any) -> str:
    if call.stage == "summary":
        return f"I have {call.path}.</summarize>"
    if call.stage == "thought":
        return (
            "So it goes on. " * 200
            if call.round < 1
            else "It is \\boxed{" + ("7" if "SEVEN" in call.prompt else "4") + "}"
        )
    return "4}\n"


@pytest.mark.parametrize("paths", [1, 3])
async def test_the_block_waits_and_routes_the_comment(team: Any, small: Any, paths: int) -> None:
    made = team(writes, paths=paths)
    graph = made.graph.compile(checkpointer=InMemorySaver())
    context = {**small, "rounds": 1, "human_peer": True, "router": "all"}
    out = await graph.ainvoke(QUESTION, CONFIG, context=context)
    (asked,) = out["__interrupt__"]
    assert asked.value["round"] == 0
    assert list(asked.value["summaries"]) == [f"solver_{n}" for n in range(1, paths + 1)]
    assert asked.value["summaries"]["solver_1"].endswith("I have solver_1.")
    summarized = len(made.engine.of("solver_1", "summary"))
    out = await graph.ainvoke(Command(resume="x" * 500), CONFIG)
    assert "500 tokens" in out["__interrupt__"][0].value["error"]
    out = await graph.ainvoke(Command(resume="Think of SEVEN.\n\nPeer 2: no."), CONFIG)
    assert len(made.engine.of("solver_1", "summary")) == summarized
    assert out["answer"] == "7"
    assert out["rounds"][0]["paths"][-1] == "person"
    assert all(read[-1] == "person" for read in out["rounds"][0]["routes"].values())
    comment = next(s for s in out["histories"]["solver_1"] if s["kind"] == "comment")
    assert "A person who follows the work: \"Think of SEVEN.\n\n'Peer 2': no.\"" in comment["text"]
    assert comment["sources"][-1] == "person"


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_person_may_say_nothing(team: Any, small: Any, nothing: Any) -> None:
    graph = team(writes, paths=2).graph.compile(checkpointer=InMemorySaver())
    out = graph.invoke(QUESTION, CONFIG, context={**small, "rounds": 1, "human_peer": True})
    assert out["__interrupt__"]
    out = graph.invoke(Command(resume={next(iter(out["__interrupt__"])).id: nothing}), CONFIG)
    assert out["answer"] == "4"
    assert "person" not in out["rounds"][0]["paths"]


def test_a_run_that_waits_must_be_kept(team: Any, small: Any) -> None:
    with pytest.raises(SettingsError, match=r"human_peer.*checkpointer"):
        team(writes).graph.compile().invoke(QUESTION, context={**small, "human_peer": True})


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_comment_that_langgraph_takes_for_none(team: Any, small: Any, asynchronous: bool) -> None:
    graph = team(writes).graph.compile(checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG, context={**small, "human_peer": True, "rounds": 1})
    nothing: Any = Command(resume=None)
    with pytest.raises(InputError, match=r"Command\(resume=None\).*resume with ''"):
        await (graph.ainvoke(nothing, CONFIG) if asynchronous else asyncio.to_thread(graph.invoke, nothing, CONFIG))
    out = await graph.ainvoke(Command(resume=""), CONFIG)
    assert "person" not in out["rounds"][0]["paths"]
