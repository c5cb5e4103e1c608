"""A round that was broken off goes on where it stood: with a store of ours, nothing in it is done twice."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import Command, interrupt

from peerleap.agents import Peer
from peerleap.graph import open_checkpointer
from peerleap.graph.checkpoints.base import Checkpointer

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


class PowerCut(BaseException):
    """Nothing may take this for a failed path."""


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Checkpointer]:
    where = tmp_path / "runs.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_checkpointer(where) as opened:
        yield opened


def essence(out: Any) -> Any:
    return out["histories"], out["rounds"], out["votes"]


def cut_at(plain: Any, number: int) -> Any:
    """Path 2 dies once, at its `number`-th request."""
    seen = [0]

    def write(call: Any) -> str:
        if call.number == 2:
            seen[0] += 1
            if seen[0] == number:
                raise PowerCut
        said: str = plain(call)
        return said

    return write


def invoke(graph: Any, asynchronous: bool, given: Any, **options: Any) -> Any:
    return (
        asyncio.run(graph.ainvoke(given, CONFIG, **options)) if asynchronous else graph.invoke(given, CONFIG, **options)
    )


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("number", [2, 5])  # T, grace, summary, T, grace: the second of a round
def test_a_kill_in_the_second_request_of_a_round(
    team: Any, block_then: Any, small: Any, store: Checkpointer, number: int, asynchronous: bool
) -> None:
    plain = block_then("\\boxed{4}", blocks=2)
    expected = team(plain, paths=2).graph.compile().invoke(QUESTION, context=small)
    made = team(cut_at(plain, number), paths=2)
    graph = made.graph.compile(checkpointer=store)
    with pytest.raises(PowerCut):
        invoke(graph, asynchronous, QUESTION, context=small)
    made.engine.calls.clear()
    out = invoke(graph, asynchronous, None)
    assert len(made.engine.of("solver_2")) == len(made.engine.of("solver_1")) + 1
    assert made.engine.of("solver_2")[0].params.max_tokens == small["grace"]
    for histories in (out["histories"], expected["histories"]):
        for segment in (s for history in histories.values() for s in history):
            segment.pop("cached_tokens", None)  # another engine
            segment.pop("seconds", None)
    assert essence(out) == essence(expected)
    assert store.notes("a", "", "") == []


def test_a_kill_in_a_forced_answer_that_began_with_a_line_break(team: Any, small: Any, store: Checkpointer) -> None:
    def plain(call: Any) -> str:
        return {"ask": "\n4}\n"}.get(call.stage, "4}\n" if call.prompt.endswith("{\n") else "Hm.")

    expected = team(plain, paths=2).graph.compile().invoke(QUESTION, context=small)
    assert expected["answer"] == "4"
    made = team(cut_at(plain, 3), paths=2)
    graph = made.graph.compile(checkpointer=store)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context=small)
    made.engine.calls.clear()
    out = graph.invoke(None, CONFIG)
    assert len(made.engine.of("solver_2")) == 1
    for histories in (out["histories"], expected["histories"]):
        for segment in (s for history in histories.values() for s in history):
            segment.pop("cached_tokens", None)  # another engine
            segment.pop("seconds", None)
    assert essence(out) == essence(expected)


def test_a_cancelled_run_writes_no_note_afterwards(
    team: Any, block_then: Any, small: Any, store: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=store)
    began, ended, cancelled, note = list[int](), list[int](), threading.Event(), store.note

    def slow(thread: str, namespace: str, task: str, number: int, entry: Any) -> None:
        began.append(number)
        cancelled.wait(10)
        note(thread, namespace, task, number, entry)
        ended.append(number)

    monkeypatch.setattr(store, "note", slow)

    async def cancel() -> None:
        run = asyncio.create_task(graph.ainvoke(QUESTION, CONFIG, context=small))
        while not began:
            await asyncio.sleep(0.01)
        run.cancel()
        asyncio.get_running_loop().call_later(0.2, cancelled.set)
        with pytest.raises(asyncio.CancelledError):
            await run
        assert sorted(ended) == sorted(began)

    asyncio.run(cancel())


def tool_team(team: Any, tool: Any, write: Any) -> Any:
    return team(write, peers=[Peer(name="solver", count=2, tools=[tool], protocol="fence")])


def calling(times: int) -> Any:
    """Path 2 calls `weigh` again and again, then answers what it was told last."""

    def write(call: Any) -> str:
        if call.stage != "thought" or call.number == 1:
            return "\\boxed{1}"
        done = call.prompt.count("weighed: ")
        if done < times:
            return f'I weigh.\n<tool_call>{{"name": "weigh", "arguments": {{"stone": {done + 1}}}}}</tool_call>'
        last: str = call.prompt.rpartition("weighed: ")[2].split()[0]
        return "\\boxed{" + last + "}"

    return write


def test_a_tool_that_has_answered_is_not_called_again(team: Any, store: Checkpointer) -> None:
    weighed: list[int] = []

    def weigh(stone: int) -> str:
        """Weigh a stone."""
        weighed.append(stone)
        return f"weighed: {stone * 10}"

    plain = calling(3)
    context = {"interval": 2000, "max_tokens": 4000, "rounds": 0}
    expected = tool_team(team, weigh, plain).graph.compile().invoke(QUESTION, context=context)
    assert weighed == [1, 2, 3]
    weighed.clear()
    graph = tool_team(team, weigh, cut_at(plain, 3)).graph.compile(checkpointer=store)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context=context)
    assert weighed == [1, 2]
    out = graph.invoke(None, CONFIG)
    assert weighed == [1, 2, 3]
    assert out["paths"]["solver_2"]["answer"] == expected["paths"]["solver_2"]["answer"] == "30"


def test_a_tool_that_asks_a_person_gets_the_right_answers(team: Any, store: Checkpointer) -> None:
    """The answers of a person are told apart by their order, so a call that has waited is made again."""
    asked: list[int] = []

    def weigh(stone: int) -> str:
        """Weigh a stone."""
        asked.append(stone)
        return f"weighed: {interrupt(stone)}" if stone > 1 else "weighed: 5"

    graph = tool_team(team, weigh, calling(3)).graph.compile(checkpointer=store)
    out = graph.invoke(QUESTION, CONFIG, context={"interval": 2000, "max_tokens": 4000, "rounds": 0})
    assert [i.value for i in out["__interrupt__"]] == [2]
    out = graph.invoke(Command(resume="two"), CONFIG)
    assert [i.value for i in out["__interrupt__"]] == [3]
    out = graph.invoke(Command(resume="three"), CONFIG)
    assert out["paths"]["solver_2"]["answer"] == "three"
    told = [s["text"] for s in out["histories"]["solver_2"] if s["kind"] == "tool"]
    assert [word in text for word, text in zip(("5", "two", "three"), told, strict=True)] == [True] * 3
    assert asked.count(1) == 1


def test_deleting_a_run_deletes_its_notes(store: Checkpointer) -> None:
    store.note("a", "", "task", 0, {"answer": None})
    store.note("b", "", "task", 0, {"answer": None})
    store.note("b", "nested:1", "task", 0, {"answer": None})
    store.delete_thread("a")
    assert store.notes("a", "", "task") == []
    store.drop_notes("b", "")
    assert store.notes("b", "", "task") == []
    assert store.notes("b", "nested:1", "task") == [{"answer": None}]
