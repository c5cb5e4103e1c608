"""A run that was interrupted goes on where it stood: nothing is thought twice."""

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from peerleap.graph import InputError

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUESTION = {"question": "What is 2 + 2?"}


class PowerCut(BaseException):
    """Nothing may take this for a failed path."""


@pytest.fixture
def saver() -> Iterator[SqliteSaver]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def cut_once(plain: Any, stage: str, round_number: int) -> Any:
    """Path 3 dies once at a stage, after the others have had time to finish theirs."""
    cut = [False]

    def write(call: Any) -> str:
        if not cut[0] and call.number == 3 and call.stage == stage and call.round == round_number:
            cut[0] = True
            raise PowerCut
        said: str = plain(call)
        return said

    return write


def essence(out: Any) -> Any:
    histories = {
        name: [{key: value for key, value in s.items() if key not in {"cached_tokens", "seconds"}} for s in history]
        for name, history in out["histories"].items()
    }
    return histories, out["rounds"], out["votes"]


def asked(engine: Any, stage: str, round_number: int) -> list[str]:
    return sorted(call.path for call in engine.calls if call.stage == stage and call.round == round_number)


@pytest.mark.parametrize(("stage", "round_number"), [("thought", 0), ("summary", 0), ("thought", 1), ("summary", 1)])
def test_a_run_goes_on_after_a_power_cut(
    team: Any, block_then: Any, small: Any, saver: Any, stage: str, round_number: int
) -> None:
    plain = block_then("\\boxed{4}", blocks=2)
    expected = team(plain, paths=3).graph.compile().invoke(QUESTION, context=small)
    made = team(cut_once(plain, stage, round_number), paths=3)
    graph = made.graph.compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context=small, durability="sync")
    assert graph.get_state(CONFIG).next
    out = graph.invoke(None, CONFIG)
    assert essence(out) == essence(expected)
    # A summary takes one request, a thought two (T and grace); the one that was cut, one more.
    names = ["solver_1", "solver_2", "solver_3"]
    each = 1 if stage == "summary" else 2
    assert set(asked(made.engine, stage, round_number)) == set(names)
    if stage == "summary":
        assert asked(made.engine, stage, round_number).count("solver_3") == each + 1


@pytest.mark.parametrize(("stage", "round_number"), [("thought", 0), ("summary", 0), ("summary", 1)])
async def test_finished_paths_and_summaries_are_not_run_again(
    block_then: Any, team: Any, small: Any, stage: str, round_number: int
) -> None:
    plain = block_then("\\boxed{4}", blocks=2)
    expected = team(plain, paths=3).graph.compile().invoke(QUESTION, context=small)
    base: Any = type(team(plain).engine)

    class Sticky(base):  # type: ignore[misc]
        """The third path hangs at the stage until `free` is set."""

        free = False
        stuck = False

        async def generate(self, token_ids: Any, params: Any, *, session: Any = None, on_text: Any = None) -> Any:
            completion = await super().generate(token_ids, params, session=session, on_text=on_text)
            mine = self._call.get()
            if not self.free and (mine.number, mine.stage, mine.round) == (3, stage, round_number):
                self.stuck = True
                await asyncio.Event().wait()
            return completion

    made = team(plain, paths=3, engine_class=Sticky)
    graph = made.graph.compile(checkpointer=InMemorySaver())
    run = asyncio.ensure_future(graph.ainvoke(QUESTION, CONFIG, context=small, durability="sync"))
    requests = 3 if stage == "summary" else 5
    async with asyncio.timeout(20):
        while not made.engine.stuck or len(asked(made.engine, stage, round_number)) < requests:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    made.engine.free = True
    made.engine.calls.clear()
    out = await graph.ainvoke(None, CONFIG)
    assert essence(out) == essence(expected)
    assert set(asked(made.engine, stage, round_number)) == {"solver_3"}


def test_settings_are_those_the_run_began_with(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    made = team(cut_once(block_then("\\boxed{4}"), "summary", 0), paths=3)
    graph = made.graph.compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context={**small, "summary_tokens": 33}, durability="sync")
    made.engine.calls.clear()
    graph.invoke(None, CONFIG)
    assert {call.params.max_tokens for call in made.engine.calls if call.stage == "summary"} == {33}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_earlier_question_is_asked_again_with_its_own_settings(
    team: Any, block_then: Any, small: Any, asynchronous: bool
) -> None:
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile(checkpointer=InMemorySaver())
    first = graph.invoke(QUESTION, CONFIG, context={**small, "router": "all"})
    graph.invoke(QUESTION, CONFIG, context={**small, "router": "random", "top_k": 1})
    (_, at) = (found.config for found in graph.get_state_history(CONFIG) if found.next == ("prepare",))
    again = await graph.ainvoke(None, at) if asynchronous else await asyncio.to_thread(graph.invoke, None, at)
    assert again["rounds"] == first["rounds"]


def test_a_checkpoint_that_is_not_there(team: Any, say: Any, small: Any, saver: Any) -> None:
    graph = team(say()).graph.compile(checkpointer=saver)
    graph.invoke(QUESTION, CONFIG, context=small)
    nowhere: Any = {"configurable": {**CONFIG["configurable"], "checkpoint_id": "1f000000-0000-6000-8000-000000000000"}}
    with pytest.raises(InputError, match=r"no checkpoint_id='1f000000.* is stored under this name"):
        graph.invoke(None, nowhere)


class CutSaver(InMemorySaver):
    """Dies, cut by cut, before it stores that the input was read, or what the first node made of it."""

    def __init__(self, *cuts: str) -> None:
        super().__init__()
        self.cuts = list(cuts)

    def _cut(self, what: str) -> None:
        if self.cuts and what == self.cuts[0]:
            self.cuts.pop(0)
            raise PowerCut

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == 0:
            self._cut("read")
        return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        if any(channel == "params" for channel, _ in writes):
            self._cut("prepared")
        super().put_writes(config, writes, task_id, task_path)

    async def aput(self, *args: Any) -> Any:
        return self.put(*args)

    async def aput_writes(self, *args: Any) -> None:
        self.put_writes(*args)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("cuts", [["read"], ["prepared"], ["read", "prepared"], ["read", "read", *["prepared"] * 3]])
async def test_settings_outlive_every_cut_before_they_are_in_the_state(
    team: Any, block_then: Any, small: Any, cuts: list[str], asynchronous: bool
) -> None:
    made = team(block_then("\\boxed{4}"), paths=3)
    graph = made.graph.compile(checkpointer=CutSaver(*cuts))

    async def call(given: Any, context: Any) -> Any:
        if asynchronous:
            return await graph.ainvoke(given, CONFIG, context=context)
        return await asyncio.to_thread(graph.invoke, given, CONFIG, context=context)

    given: Any = QUESTION
    context: Any = {**small, "summary_tokens": 33}
    for _ in cuts:
        with pytest.raises(PowerCut):
            await call(given, context)
        given, context = None, None
    await call(None, None)
    assert {call.params.max_tokens for call in made.engine.calls if call.stage == "summary"} == {33}


def test_a_new_question_on_an_interrupted_thread_starts_afresh(
    team: Any, block_then: Any, small: Any, saver: Any
) -> None:
    made = team(cut_once(block_then("\\boxed{4}"), "summary", 0), paths=3)
    graph = made.graph.compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context=small, durability="sync")
    out = graph.invoke({"question": "What is 3 + 1?"}, CONFIG, context=small)
    assert out["answer"] == "4"
    assert all(history[0]["text"].count("3 + 1") == 1 for history in out["histories"].values())
    assert [s["kind"] for s in out["histories"]["solver_1"]].count("prompt") == 1


def test_another_process_can_go_on(team: Any, block_then: Any, small: Any, saver: Any) -> None:
    plain = block_then("\\boxed{4}")
    first = team(cut_once(plain, "thought", 1), paths=3)
    with pytest.raises(PowerCut):
        first.graph.compile(checkpointer=saver).invoke(QUESTION, CONFIG, context=small, durability="sync")
    second = team(plain, paths=3)
    out = second.graph.compile(checkpointer=saver).invoke(None, CONFIG)
    assert out["answer"] == "4"
    assert {call.stage for call in second.engine.calls} == {"thought"}
