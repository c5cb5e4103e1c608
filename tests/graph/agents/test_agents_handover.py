"""The graph as one of several agents: under a supervisor, and in a swarm."""

import warnings
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

agents = pytest.importorskip("langchain.agents", reason="pip install langchain")
CONFIG: Any = {"configurable": {"thread_id": "1"}}


def supervised(model: Any, graphs: Any, **options: Any) -> Any:
    pytest.importorskip("langgraph_supervisor", reason="pip install langgraph-supervisor")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses what LangGraph has deprecated
        from langgraph_supervisor import create_supervisor

        return create_supervisor(graphs, model=model, **options).compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("mode", ["last_message", "full_history"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_under_a_supervisor(chat: Any, peers: Any, mode: str, asynchronous: bool) -> None:
    from peerleap.graph import Settings

    model = chat([("transfer_to_leap", {})], "They say 42.", [("transfer_to_leap", {})], "They say 10.")
    graph = supervised(model, [peers.graph.compile()], output_mode=mode, context_schema=Settings)

    async def ask(question: str) -> Any:
        given = {"messages": [HumanMessage(question)]}
        if asynchronous:
            return await graph.ainvoke(given, CONFIG, context=peers.context)
        return graph.invoke(given, CONFIG, context=peers.context)

    for question, answer in (("What is 21 times two?", "42"), ("What is 5 times two?", "10")):
        out = await ask(question)
        assert out["messages"][-1].content == f"They say {answer}."
        said = [message for message in out["messages"] if message.name == "leap" and not message.tool_calls]
        assert said[-1].content == answer
        assert said[-1].usage_metadata["output_tokens"] > 0


def test_a_supervisor_asks_another_agent_first(chat: Any, peers: Any) -> None:
    """The question stays the person's, whoever spoke since."""
    from peerleap.graph import Settings

    other = agents.create_agent(chat("I do not know; 99 perhaps."), name="guesser")
    model = chat([("transfer_to_guesser", {})], [("transfer_to_leap", {})], "They say 42.")
    graph = supervised(model, [other, peers.graph.compile()], context_schema=Settings)
    out = graph.invoke({"messages": [HumanMessage("What is 21 times two?")]}, CONFIG, context=peers.context)
    assert out["messages"][-1].content == "They say 42."
    assert "99" not in peers.engine.calls[0].prompt


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_in_a_swarm(chat: Any, peers: Any, asynchronous: bool) -> None:
    swarm = pytest.importorskip("langgraph_swarm", reason="pip install langgraph-swarm")
    from peerleap.graph import Settings

    host = agents.create_agent(
        chat([("transfer_to_leap", {})]), [swarm.create_handoff_tool(agent_name="leap")], name="host"
    )
    made = swarm.create_swarm([host, peers.graph.compile()], default_active_agent="host", context_schema=Settings)
    graph = made.compile(checkpointer=InMemorySaver())
    for question, answer in (("What is 21 times two?", "42"), ("What is 5 times two?", "10")):
        given: Any = {"messages": [HumanMessage(question)]}
        if asynchronous:
            out = await graph.ainvoke(given, CONFIG, context=peers.context)
        else:
            out = graph.invoke(given, CONFIG, context=peers.context)
        assert out["messages"][-1].content == answer
        assert out["active_agent"] == "leap"
