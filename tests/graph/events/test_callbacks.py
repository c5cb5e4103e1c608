"""Progress of a run through callback handlers, for callers who do not stream."""

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

QUESTION = {"question": "What is 2 + 2?"}


class Heard(BaseCallbackHandler):
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        assert name == "leap"
        assert kwargs["run_id"] is not None
        self.events.append(dict(data))


class AsyncHeard(AsyncCallbackHandler):
    """Takes its time, and belongs to one loop."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.loops: set[Any] = set()

    async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        before = dict(data)
        await asyncio.sleep(0)
        assert dict(data) == before
        self.events.append(before)
        self.loops.add(asyncio.get_running_loop())


class Deaf(BaseCallbackHandler):
    """A handler that wants something else."""


def in_order(events: Any) -> dict[str, list[tuple[Any, ...]]]:
    """What each path told; pieces of text joined, since they may come in other pieces."""
    told: dict[str, list[tuple[Any, ...]]] = {}
    for event in events:
        of_path = told.setdefault(event.get("path", ""), [])
        if event["type"] == "tokens" and of_path and of_path[-1][0] == "tokens":
            of_path[-1] = ("tokens", of_path[-1][1] + event["text"])
        else:
            of_path.append((event["type"], event.get("text")))
    return told


@pytest.fixture
def streamed(team: Any, block_then: Any, small: Any) -> dict[str, list[tuple[Any, ...]]]:
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile()
    return in_order(graph.stream(QUESTION, context=small, stream_mode="custom"))


@pytest.mark.parametrize("handler", [Heard, AsyncHeard])
async def test_ainvoke_tells_a_handler_all_that_a_stream_would(
    team: Any, block_then: Any, small: Any, streamed: Any, handler: Any
) -> None:
    heard = handler()
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile()
    out = await graph.ainvoke(QUESTION, {"callbacks": [heard]}, context=small)
    assert out["answer"] == "4"
    assert in_order(heard.events) == streamed
    if isinstance(heard, AsyncHeard):
        assert heard.loops == {asyncio.get_running_loop()}


def test_invoke_tells_them_too(team: Any, block_then: Any, small: Any, streamed: Any) -> None:
    heard, asynchronous = Heard(), AsyncHeard()
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile()
    graph.invoke(QUESTION, {"callbacks": [heard, asynchronous]}, context=small)
    assert in_order(heard.events) == streamed == in_order(asynchronous.events)


async def test_astream_events_has_them(team: Any, block_then: Any, small: Any, streamed: Any) -> None:
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile()
    events = [event async for event in graph.astream_events(QUESTION, context=small, version="v2")]
    told = [event["data"] for event in events if event["event"] == "on_custom_event"]
    assert {event["name"] for event in events if event["event"] == "on_custom_event"} == {"leap"}
    assert in_order(told) == streamed


async def test_a_handler_that_hangs_holds_up_no_path(team: Any, block_then: Any, small: Any) -> None:
    """Paths think to the end of their round while it is told of their first words; then the round waits for it."""
    free, told = asyncio.Event(), list[str]()

    class Slow(AsyncCallbackHandler):
        async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
            told.append(data["type"])
            if data["type"] == "tokens":
                await free.wait()

    made = team(block_then("\\boxed{4}"), paths=2)
    run = asyncio.ensure_future(made.graph.compile().ainvoke(QUESTION, {"callbacks": [Slow()]}, context=small))
    async with asyncio.timeout(20):
        while sum(call.stage == "thought" for call in made.engine.calls) < 4:
            await asyncio.sleep(0.005)
    assert told == ["run", "tokens", "tokens"]
    free.set()
    assert (await run)["answer"] == "4"
    assert told[-1] == "vote"


async def test_cancelling_does_not_wait_for_a_handler(team: Any, block_then: Any, small: Any) -> None:
    class Stuck(AsyncCallbackHandler):
        async def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
            if data["type"] == "tokens":
                await asyncio.Event().wait()

    made = team(block_then("\\boxed{4}"), paths=2)
    run = asyncio.ensure_future(made.graph.compile().ainvoke(QUESTION, {"callbacks": [Stuck()]}, context=small))
    async with asyncio.timeout(20):
        while len(made.engine.calls) < 4:
            await asyncio.sleep(0.005)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run


async def test_a_deaf_handler_costs_no_text(team: Any, block_then: Any, small: Any) -> None:
    asked = list[bool]()
    base: Any = type(team(lambda call: "").engine)

    class Watched(base):  # type: ignore[misc]
        async def generate(self, token_ids: Any, params: Any, *, session: Any = None, on_text: Any = None) -> Any:
            asked.append(on_text is not None)
            return await super().generate(token_ids, params, session=session, on_text=on_text)

    made = team(block_then("\\boxed{4}"), paths=2, engine_class=Watched)
    await made.graph.compile().ainvoke(QUESTION, {"callbacks": [Deaf()]}, context=small)
    assert asked
    assert not any(asked)


def test_from_a_notebook(team: Any, block_then: Any, small: Any, streamed: Any) -> None:
    """A loop runs in the thread that calls `invoke`."""
    heard = Heard()
    graph = team(block_then("\\boxed{4}"), paths=3).graph.compile()

    async def cell() -> None:
        graph.invoke(QUESTION, {"callbacks": [heard]}, context=small)

    thread = threading.Thread(target=lambda: asyncio.run(cell()))
    thread.start()
    thread.join(30)
    assert in_order(heard.events) == streamed
