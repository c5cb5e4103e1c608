"""The graph as a tool of `create_agent`, and as a node beside an agent."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from peerleap.graph import SettingsError, leap_tool

agents = pytest.importorskip("langchain.agents", reason="pip install langchain")


def call(question: str) -> Any:
    return [("ask_peers", {"question": question})]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_asks_its_peers(chat: Any, peers: Any, asynchronous: bool) -> None:
    model = chat(call("What is 21 times two?"), "It is 42.")
    agent = agents.create_agent(model, [leap_tool(peers.graph.compile(), context=peers.context)])
    asked = {"messages": [HumanMessage("Ask somebody what 21 times two is.")]}
    out = await agent.ainvoke(asked) if asynchronous else agent.invoke(asked)
    assert out["messages"][-1].content == "It is 42."
    (told,) = [message for message in out["messages"] if isinstance(message, ToolMessage)]
    assert told.content == "42\n(2 of 2 agree)"
    assert told.artifact["answer"] == "42"
    assert set(told.artifact) == {"answer", "votes", "paths", "usage"}
    assert model.heard[1][-1].content == told.content


def test_two_questions_at_once_and_one_later(chat: Any, peers: Any) -> None:
    model = chat([*call("What is 1 times two?"), *call("What is 2 times two?")], call("What is 3 times two?"), "Done.")
    agent = agents.create_agent(
        model, [leap_tool(peers.graph.compile(), context=peers.context)], checkpointer=InMemorySaver()
    )
    out = agent.invoke({"messages": [HumanMessage("Ask.")]}, {"configurable": {"thread_id": "1"}})
    told = [message.artifact["answer"] for message in out["messages"] if isinstance(message, ToolMessage)]
    assert told == ["2", "4", "6"]


def test_what_cannot_be_asked_is_told_to_the_agent(chat: Any, peers: Any) -> None:
    agent = agents.create_agent(chat(call(" "), "Sorry."), [leap_tool(peers.graph.compile(), context=peers.context)])
    out = agent.invoke({"messages": [HumanMessage("Ask.")]})
    (told,) = [message for message in out["messages"] if isinstance(message, ToolMessage)]
    assert (told.status, "not empty" in told.content) == ("error", True)
    assert out["messages"][-1].content == "Sorry."


def test_a_run_in_which_all_failed_is_told_to_the_agent(chat: Any, team: Any, small: Any) -> None:
    def write(_: Any) -> str:
        raise RuntimeError("gone")

    tool = leap_tool(team(write, paths=2).graph.compile(), context=small)
    agent = agents.create_agent(chat(call("What is 1?"), "Sorry."), [tool])
    told = agent.invoke({"messages": [HumanMessage("Ask.")]})["messages"][2]
    assert told.status == "error"
    assert "RuntimeError: gone" in told.content


def test_bad_settings_are_refused_when_the_tool_is_made(peers: Any) -> None:
    with pytest.raises(SettingsError, match="'routr' is not a setting"):
        leap_tool(peers.graph.compile(), context={"routr": "all"})


def test_a_graph_that_is_not_compiled_is_refused_when_the_tool_is_made(peers: Any) -> None:
    with pytest.raises(ValueError, match=r"give a compiled graph, build_graph\(\.\.\.\)\.compile\(\)"):
        leap_tool(peers.graph)


def test_its_events_reach_the_agents_reader(chat: Any, peers: Any) -> None:
    agent = agents.create_agent(
        chat(call("What is 21 times two?"), "It is 42."), [leap_tool(peers.graph.compile(), context=peers.context)]
    )
    parts = agent.stream({"messages": [HumanMessage("Ask.")]}, stream_mode="custom", subgraphs=True, version="v2")
    events = [part["data"] for part in parts]
    assert events[0]["type"] == "run"
    assert events[-1] == {"v": 1, "type": "vote", "answer": "42", "votes": {"42": 2}}
    thoughts = [event["text"] for event in events if event["type"] == "tokens" and event["path"] == "solver_1"]
    assert "On and on." in "".join(thoughts)


def test_a_subgraph_beside_an_agent(chat: Any, peers: Any) -> None:
    """Peers answer, an agent puts it into words: one conversation, one checkpointer."""
    from peerleap.graph import Settings

    outer: Any = StateGraph(MessagesState, context_schema=Settings)
    outer.add_node("peers", peers.graph.compile())
    outer.add_node("writer", agents.create_agent(chat("They say 42.", "They say 10.")))
    outer.add_edge(START, "peers")
    outer.add_edge("peers", "writer")
    outer.add_edge("writer", END)
    graph = outer.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 25}
    graph.invoke({"messages": [HumanMessage("What is 21 times two?")]}, config, context=peers.context)
    out = graph.invoke({"messages": [HumanMessage("What is 5 times two?")]}, config, context=peers.context)
    assert [message.content for message in out["messages"]] == [
        "What is 21 times two?", "42", "They say 42.", "What is 5 times two?", "10", "They say 10.",
    ]  # fmt: skip
