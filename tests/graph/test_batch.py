"""Many questions at once: one engine, kept full, also under the recursion limit that batches have."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from peerleap.engine import Completion, SamplingParams
from tests.graph.conftest import Call, Team, TeamEngine

PATHS, QUESTIONS = 3, 6


class Counted(TeamEngine):
    """Answers nothing until every path of every question has asked."""

    waits_for = PATHS * QUESTIONS
    asked = 0

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **options: Any) -> Completion:
        self.asked += 1
        async with asyncio.timeout(30):
            while self.asked < self.waits_for:
                await asyncio.sleep(0.01)
        return await super().generate(token_ids, params, **options)


@dataclass
class Batch(Team):
    """A team, its questions and its settings."""

    inputs: list[dict[str, str]]
    context: dict[str, int]


@pytest.fixture
def counted(team: Callable[..., Team]) -> Batch:
    """A team whose engine is `Counted`."""

    def write(call: Call) -> str:
        number = next(word for word in call.prompt.split("Question: ")[1].split() if word.isdigit())
        if call.stage == "summary":
            return f"I have {number}.</summarize>"
        return "On and on. " * 500 if call.stage == "thought" else number + "}\n"

    made = team(write, paths=PATHS, engine_class=Counted)
    # Far more rounds than LangChain's 25 supersteps of a batch allow.
    context = {"interval": 10, "grace": 0, "summary_tokens": 30, "max_tokens": 4500, "answer_tokens": 20}
    inputs = [{"question": f"What is {number} plus nothing?"} for number in range(QUESTIONS)]
    return Batch(made.engine, made.graph, inputs, context)


def check(made: Any, outs: Any) -> None:
    assert [out["answer"] for out in outs] == [str(number) for number in range(QUESTIONS)]
    assert all(len(out["rounds"]) >= 8 for out in outs)


async def test_abatch(counted: Any) -> None:
    check(counted, await counted.graph.compile().abatch(counted.inputs, context=counted.context))


def test_batch(counted: Any) -> None:
    check(counted, counted.graph.compile().batch(counted.inputs, context=counted.context))


@pytest.mark.parametrize("limit", [7, 25])
async def test_under_a_recursion_limit(counted: Any, limit: int) -> None:
    counted.engine.waits_for = PATHS * 2
    outs = await counted.graph.compile().abatch(counted.inputs[:2], {"recursion_limit": limit}, context=counted.context)
    assert [out["answer"] for out in outs] == ["0", "1"]


async def test_batch_as_completed(counted: Any) -> None:
    found = {}
    async for index, out in counted.graph.compile().abatch_as_completed(counted.inputs, context=counted.context):
        found[index] = out["answer"]
    assert found == {number: str(number) for number in range(QUESTIONS)}


async def test_a_question_that_cannot_be_asked_takes_no_other_along(counted: Any) -> None:
    counted.engine.waits_for = PATHS * 2
    inputs = [*counted.inputs[:2], {"question": ""}]
    outs: Any = await counted.graph.compile().abatch(inputs, context=counted.context, return_exceptions=True)
    assert [out["answer"] for out in outs[:2]] == ["0", "1"]
    assert isinstance(outs[2], ValueError)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_limit_counts_questions_and_each_has_all_its_paths(counted: Any, asynchronous: bool) -> None:
    counted.engine.waits_for = PATHS
    graph, limited = counted.graph.compile(), {"max_concurrency": 1}
    if asynchronous:
        outs = await graph.abatch(counted.inputs[:2], limited, context=counted.context)
    else:
        outs = await asyncio.to_thread(graph.batch, counted.inputs[:2], limited, context=counted.context)
    assert [out["answer"] for out in outs] == ["0", "1"]


def test_a_reader_under_a_limit_is_not_kept_waiting(team: Any, say: Any, small: Any) -> None:
    graph = team(say(), paths=4).graph.compile()

    stream = graph.stream({"question": "What is 2 + 2?"}, {"max_concurrency": 1}, context=small, stream_mode="custom")
    events: list[Any] = []
    reader = threading.Thread(target=lambda: events.extend(stream), daemon=True)
    reader.start()
    reader.join(20)
    assert not reader.is_alive()
    assert events[-1]["type"] == "vote"
