"""A graph inside another one, and with hardly any supersteps to spend."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from peerleap.graph import CompiledLeapGraph, InputError, Settings, SettingsError

QUESTION = {"question": "What is 2 + 2?"}


def endless(call: Any) -> str:
    if call.stage == "summary":
        return f"{call.path} goes on.</summarize>"
    return "4}\n" if call.stage == "ask" else "On and on. " * 500


@pytest.fixture
def graph(team: Any) -> CompiledLeapGraph:
    compiled: CompiledLeapGraph = team(endless, paths=2).graph.compile()
    return compiled


# A round takes some 350 tokens, of which 10 are thought.
CONTEXT = {"interval": 10, "grace": 0, "summary_tokens": 30, "max_tokens": 4500, "answer_tokens": 20}
SHORT = {**CONTEXT, "max_tokens": 900}


@pytest.mark.parametrize("limit", [7, 8, 9, 10, 25])
def test_a_low_recursion_limit_ends_in_a_vote(graph: Any, limit: int) -> None:
    out = graph.invoke(QUESTION, {"recursion_limit": limit}, context=CONTEXT if limit == 25 else SHORT)
    assert out["answer"] == "4"
    assert {outcome["status"] for outcome in out["paths"].values()} == {"forced"}
    assert len(out["rounds"]) < limit // 2


def test_a_path_spends_its_budget_all_the_same(graph: Any) -> None:
    out = graph.invoke(QUESTION, {"recursion_limit": 7}, context=SHORT)
    for usage in (outcome["usage"] for outcome in out["paths"].values()):
        assert usage["thought"] + usage["summary"] + usage["inserted"] >= 900


async def test_a_low_recursion_limit_asynchronously(graph: Any) -> None:
    assert (await graph.ainvoke(QUESTION, {"recursion_limit": 7}, context=SHORT))["answer"] == "4"


def test_left_alone_there_are_as_many_blocks_as_the_budget_holds(graph: Any) -> None:
    assert len(graph.invoke(QUESTION, context=CONTEXT)["rounds"]) >= 12


class Parent(TypedDict, total=False):
    question: str
    answer: str
    note: str


def parent(graph: Any, *, checkpointer: Any = None, **kwargs: Any) -> Any:
    outer = StateGraph(Parent, **kwargs)
    outer.add_node("leap", graph)
    outer.add_node("note", lambda state: {"note": f"so {state['answer']}"})
    outer.add_edge(START, "leap")
    outer.add_edge("leap", "note")
    outer.add_edge("note", END)
    return outer.compile(checkpointer=checkpointer)


def finisher(call: Any) -> str:
    if call.stage == "summary":
        return "s</summarize>"
    return "x" * 600 if call.round == 0 else "\\boxed{4}"


def test_as_a_node_of_a_parent(team: Any) -> None:
    graph = team(finisher, paths=3).graph.compile()
    assert parent(graph).invoke({**QUESTION, "note": "-"}) == {**QUESTION, "answer": "4", "note": "so 4"}


async def test_as_a_node_of_a_parent_asynchronously(team: Any) -> None:
    graph = team(finisher, paths=3).graph.compile()
    assert (await parent(graph).ainvoke(QUESTION))["note"] == "so 4"


def test_as_a_node_of_a_parent_with_few_supersteps(team: Any) -> None:
    graph = team(endless, paths=2).graph.compile()
    assert parent(graph).invoke(QUESTION, {"recursion_limit": 25})["note"] == "so 4"
    assert parent(graph).invoke(QUESTION, {"recursion_limit": 7})["note"] == "so 4"


def test_under_a_parent_with_a_checkpointer(team: Any) -> None:
    outer = StateGraph(Parent)
    outer.add_node("leap", team(finisher, paths=2).graph.compile())
    outer.add_edge(START, "leap")
    kept: Any = outer.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    assert kept.invoke(QUESTION, config)["answer"] == "4"
    assert kept.invoke(QUESTION, config)["answer"] == "4"


def test_a_bad_question_of_a_parent_is_refused(team: Any) -> None:
    graph = team(finisher, paths=2).graph.compile()
    with pytest.raises(InputError, match="question"):
        parent(graph).invoke({"note": "no question"})


def test_the_parents_context_is_its_settings(team: Any) -> None:
    made = team(finisher, paths=2)
    outer = parent(made.graph.compile(), context_schema=Settings)
    assert outer.invoke(QUESTION, context={"interval": 33, "cut": "exact"})["answer"] == "4"
    assert made.engine.calls[0].params.max_tokens == 33


@dataclass
class Foreign:
    user: str = "me"


def test_a_parent_with_a_context_of_its_own_calls_it_with_settings(team: Any) -> None:
    made = team(finisher, paths=2)
    graph = made.graph.compile()

    def leap(state: Parent) -> Any:
        return {"answer": graph.invoke({"question": state["question"]}, context={"interval": 33})["answer"]}

    assert parent(leap, context_schema=Foreign).invoke(QUESTION, context=Foreign())["note"] == "so 4"
    assert made.engine.calls[0].params.max_tokens == 33


def test_as_a_node_of_a_parent_with_a_context_of_its_own(team: Any) -> None:
    made = team(finisher, paths=2)
    out = parent(made.graph.compile(), context_schema=Foreign).invoke(QUESTION, context=Foreign())
    assert out["note"] == "so 4"


def test_inside_a_pipeline_and_a_function(team: Any) -> None:
    graph = team(finisher, paths=2).graph.compile()
    pipeline = RunnableLambda(lambda text: {"question": text}) | graph | (lambda out: out["answer"])
    assert pipeline.invoke("What is 2 + 2?") == "4"
    assert RunnableLambda(lambda text: graph.invoke({"question": text})["answer"]).invoke("What is 2 + 2?") == "4"


def test_inside_a_conversation(team: Any) -> None:
    from langgraph.graph import MessagesState

    outer: Any = StateGraph(MessagesState)
    outer.add_node("leap", team(finisher, paths=2).graph.compile())
    outer.add_edge(START, "leap")
    out = outer.compile().invoke({"messages": [HumanMessage("What is 2 + 2?")]})
    assert [m.content for m in out["messages"]] == ["What is 2 + 2?", "4"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_checkpointer_that_only_the_inner_graph_has(team: Any, asynchronous: bool) -> None:
    made = team(finisher, paths=2)
    outer = parent(made.graph.compile(checkpointer=InMemorySaver()))
    with pytest.raises(SettingsError, match="checkpointer: it belongs to the outermost graph"):
        await (outer.ainvoke(QUESTION) if asynchronous else asyncio.to_thread(outer.invoke, QUESTION))
    assert not made.engine.calls


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_run_that_waits_for_a_person_must_be_kept_by_the_parent(
    team: Any, small: Any, asynchronous: bool
) -> None:
    made = team(finisher, paths=2)
    outer = parent(made.graph.compile(), context_schema=Settings)
    context = {**small, "human_peer": True}
    with pytest.raises(SettingsError, match=r"human_peer.*checkpointer"):
        await (
            outer.ainvoke(QUESTION, context=context)
            if asynchronous
            else asyncio.to_thread(outer.invoke, QUESTION, context=context)
        )
    assert not made.engine.calls


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_called_by_a_node_that_passes_no_configuration(team: Any, small: Any, asynchronous: bool) -> None:
    """LangGraph hands it down: events reach the parent's reader, and a person is asked through it."""
    made = team(finisher, paths=2)
    graph = made.graph.compile()
    context = {**small, "human_peer": True}

    def leap(state: Parent) -> Any:
        return {"answer": graph.invoke({"question": state["question"]}, context=context)["answer"]}

    async def aleap(state: Parent) -> Any:
        return {"answer": (await graph.ainvoke({"question": state["question"]}, context=context))["answer"]}

    outer = parent(aleap if asynchronous else leap, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    async def told(given: Any) -> list[Any]:
        if asynchronous:
            return [event async for _, event in outer.astream(given, config, stream_mode="custom", subgraphs=True)]
        return [event for _, event in outer.stream(given, config, stream_mode="custom", subgraphs=True)]

    events = await told(QUESTION)
    assert events[0]["type"] == "run"
    before = len(made.engine.calls)
    assert (await told(Command(resume="Count again.")))[-1]["type"] == "vote"
    assert len(made.engine.calls) == before + 2
    assert outer.get_state(config).values["note"] == "so 4"


def test_a_node_that_passes_no_configuration_is_told_of_its_mistakes(team: Any) -> None:
    graph = team(finisher, paths=2).graph.compile()
    with pytest.raises(SettingsError, match="'intervall' is not a setting"):
        parent(lambda state: graph.invoke(QUESTION, context={"intervall": 5})).invoke(QUESTION)
    with pytest.raises(InputError, match="input key 'note' is unknown"):
        parent(lambda state: graph.invoke({**QUESTION, "note": "-"})).invoke(QUESTION)
