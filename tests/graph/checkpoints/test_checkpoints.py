"""Runs that are kept."""

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUESTION = {"question": "What is 2 + 2?"}


@pytest.fixture
def saver() -> Iterator[SqliteSaver]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def without_cache(histories: Any) -> Any:
    return {
        name: [{key: value for key, value in s.items() if key not in {"cached_tokens", "seconds"}} for s in history]
        for name, history in histories.items()
    }


def test_sqlite_holds_all_that_the_run_returned(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    made = team(block_then("\\boxed{4}", blocks=2), paths=3)
    out = made.graph.compile(checkpointer=saver).invoke(QUESTION, CONFIG, context=small)
    fresh = team(block_then("never asked"), paths=3)
    state = fresh.graph.compile(checkpointer=saver).get_state(CONFIG)
    assert state.next == ()
    for name, history in out["histories"].items():
        assert state.values[f"history_{name}"] == history
    for key in ("answer", "votes", "paths", "usage", "rounds"):
        assert state.values[key] == out[key]
    assert fresh.engine.calls == []


async def test_memory_asynchronously(team: Any, block_then: Any, small: Any) -> None:
    graph = team(block_then("\\boxed{4}", blocks=2), paths=3).graph.compile(checkpointer=InMemorySaver())
    out = await graph.ainvoke(QUESTION, CONFIG, context=small)
    state = await graph.aget_state(CONFIG)
    assert {name: state.values[f"history_{name}"] for name in out["histories"]} == out["histories"]


def test_a_kept_run_is_the_same_as_another(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    plain = team(block_then("\\boxed{4}"), paths=3).graph.compile().invoke(QUESTION, context=small)
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile(checkpointer=saver)
    kept = graph.invoke(QUESTION, CONFIG, context=small)
    assert without_cache(kept["histories"]) == without_cache(plain["histories"])
    assert kept["rounds"] == plain["rounds"]


def test_the_second_question_of_a_thread_starts_afresh(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    made = team(block_then("\\boxed{4}"), paths=2)
    graph = made.graph.compile(checkpointer=saver)
    graph.invoke(QUESTION, CONFIG, context=small)
    second = graph.invoke({"question": "What is 3 + 1?"}, CONFIG, context={**small, "interval": 33})
    fresh = team(block_then("\\boxed{4}"), paths=2).graph.compile()
    expected = fresh.invoke({"question": "What is 3 + 1?"}, context={**small, "interval": 33})
    assert without_cache(second["histories"]) == without_cache(expected["histories"])
    assert second["rounds"] == expected["rounds"]
    assert second["votes"] == expected["votes"]
    assert not any("2 + 2" in s["text"] for history in second["histories"].values() for s in history)
    assert graph.get_state(CONFIG).values["params"]["interval"] == 33


def test_settings_are_not_carried_over_to_the_next_question(team: Any, block_then: Any, small: Any) -> None:
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=InMemorySaver())
    graph.invoke(QUESTION, CONFIG, context={**small, "router": "random", "seed": 0})
    graph.invoke(QUESTION, CONFIG, context=small)
    assert graph.get_state(CONFIG).values["params"]["router"] == "dispersed"


def test_a_failed_run_leaves_the_thread_usable(team: Any, small: Any, saver: Any) -> None:
    from peerleap.graph import AllPathsFailed

    broken = [True]

    def write(call: Any) -> str:
        if broken[0]:
            raise RuntimeError("gone")
        return "\\boxed{4}"

    graph = team(write, paths=2).graph.compile(checkpointer=saver)
    with pytest.raises(AllPathsFailed):
        graph.invoke(QUESTION, CONFIG, context=small)
    broken[0] = False
    out = graph.invoke(QUESTION, CONFIG, context=small)
    assert out["answer"] == "4"
    assert {outcome["status"] for outcome in out["paths"].values()} == {"finished"}


@pytest.mark.parametrize(("before", "after"), [(4, 2), (2, 4)])
def test_a_thread_may_go_on_with_another_team(team: Any, block_then: Any, small: Any, before: int, after: int) -> None:
    saver = InMemorySaver()
    team(block_then("\\boxed{4}"), paths=before).graph.compile(checkpointer=saver).invoke(
        QUESTION, CONFIG, context=small
    )
    graph = team(block_then("\\boxed{5}"), paths=after).graph.compile(checkpointer=saver)
    out = graph.invoke(QUESTION, CONFIG, context=small)
    assert list(out["paths"]) == [f"solver_{number}" for number in range(1, after + 1)]
    assert out["answer"] == "5"


def test_threads_do_not_mix(team: Any, small: Any, saver: Any) -> None:
    graph = team(lambda call: "\\boxed{4}" if "2 + 2" in call.prompt else "\\boxed{9}").graph.compile(
        checkpointer=saver
    )
    one: Any = {"configurable": {"thread_id": "one"}}
    two: Any = {"configurable": {"thread_id": "two"}}
    graph.invoke(QUESTION, one, context=small)
    graph.invoke({"question": "What is 3 * 3?"}, two, context=small)
    assert graph.get_state(one).values["answer"] == "4"
    assert graph.get_state(two).values["answer"] == "9"


def test_a_conversation_grows_by_questions_asked_as_messages(team: Any, say: Any, small: Any) -> None:
    graph = team(say()).graph.compile(checkpointer=InMemorySaver())
    for number in (1, 2):
        graph.invoke({"messages": [{"role": "user", "content": f"What is {number}?"}]}, CONFIG, context=small)
    contents = [message.content for message in graph.get_state(CONFIG).values["messages"]]
    assert contents == ["What is 1?", "4", "What is 2?", "4"]


def test_a_checkpointer_does_not_depend_on_the_loop(team: Any, block_then: Any, small: Any) -> None:
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=InMemorySaver())
    for _ in range(2):
        assert asyncio.run(graph.ainvoke(QUESTION, CONFIG, context=small))["answer"] == "4"
