"""The stream of a run as its reader sees it, however fast that reads."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from peerleap.engine import Completion, SamplingParams
from peerleap.graph import Settings
from tests.graph.conftest import Team, TeamEngine, Write

QUESTION = {"question": "What is 2 + 2?"}
PIECES = 200


@pytest.fixture
def chatty(team: Callable[..., Team], block_then: Callable[..., Write]) -> Callable[[int], Team]:
    """A team whose engine says every request in many pieces, with a chance for others in between."""

    class Chatty(TeamEngine):
        spoken = 0

        async def generate(self, token_ids: Sequence[int], params: SamplingParams, **options: Any) -> Completion:
            completion = await super().generate(token_ids, params)
            on_text: Any = options.get("on_text")
            for n in range(PIECES if on_text else 0):
                size = len(completion.text)
                on_text(completion.text[n * size // PIECES : (n + 1) * size // PIECES])
                self.spoken += 1
                for _ in range(10 if n % 20 == 0 else 0):  # turns of the loop in which a reader can read
                    await asyncio.sleep(0)
            return completion

    return lambda paths: team(block_then("\\boxed{4}"), paths=paths, engine_class=Chatty)


def said(events: Any) -> dict[str, str]:
    texts: dict[str, str] = Counter()  # type: ignore[assignment]
    for event in events:
        if event["type"] == "tokens":
            texts[event["path"]] = (texts[event["path"]] or "") + event["text"]
    return dict(texts)


def written(histories: Any) -> dict[str, str]:
    return {
        name: "".join(s["text"] for s in history if s["kind"] in {"thought", "summary", "answer"})
        for name, history in histories.items()
    }


def clean(texts: dict[str, str]) -> dict[str, str]:
    return {name: text.replace("<|im_end|>", "") for name, text in texts.items()}


async def test_v2_parts_from_paths_side_by_side(chatty: Any, small: Any) -> None:
    graph = chatty(3).graph.compile()
    parts = [
        part
        async for part in graph.astream(
            QUESTION, context=small, stream_mode=["custom", "updates", "values"], version="v2"
        )
    ]
    assert {part["type"] for part in parts} == {"custom", "updates", "values"}
    for part in parts:  # summaries are tasks inside the node of the block
        inside = part["type"] == "custom" and (
            part["data"].get("kind") == "summary" or part["data"]["type"] == "summary"
        )
        assert inside or part["ns"] == () or part["data"]["type"] == "usage"
    events = [part["data"] for part in parts if part["type"] == "custom"]
    assert json.loads(json.dumps(events)) == events
    assert clean(said(events)) == written(parts[-1]["data"]["histories"])
    # Side by side: each path's words begin before another's first round has ended.
    first = {name: next(i for i, e in enumerate(events) if e.get("path") == name) for name in said(events)}
    ended = {
        name: next(i for i, e in enumerate(events) if e["type"] == "usage" and e["path"] == name) for name in first
    }
    assert max(first.values()) < min(ended.values())


def test_v2_parts_synchronously(chatty: Any, small: Any) -> None:
    parts = [*chatty(3).graph.compile().stream(QUESTION, context=small, stream_mode=["custom", "values"], version="v2")]
    events = [part["data"] for part in parts if part["type"] == "custom"]
    assert clean(said(events)) == written(parts[-1]["data"]["histories"])


async def test_a_slow_reader_finds_a_short_queue(chatty: Any, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is counted, since memory and time say less."""
    from langgraph.pregel import main

    pregel: Any = main
    longest = 0

    class Counted(pregel.AsyncQueue):  # type: ignore[misc]
        def _put(self, item: Any) -> None:
            nonlocal longest
            super()._put(item)
            longest = max(longest, self.qsize())

    monkeypatch.setattr(pregel, "AsyncQueue", Counted)
    made = chatty(4)
    events = []
    async for event in made.graph.compile().astream(QUESTION, context=small, stream_mode="custom"):
        events.append(dict(event))
        if event["type"] == "tokens":  # read no more until the paths have said all they say before the next block
            async with asyncio.timeout(20):
                while made.engine.running:
                    await asyncio.sleep(0.01)
    assert made.engine.spoken >= 4 * 4 * PIECES
    assert longest <= 4 * 8
    kept = [event for event in events if event["type"] == "tokens"]
    assert len(kept) < made.engine.spoken / 10
    segments = [event for event in events if event["type"] == "segment" and event["kind"] == "thought"]
    texts = clean(said(events))
    assert all(segment["text"] in texts[segment["path"]] for segment in segments)


async def test_a_reader_that_keeps_up_hears_every_piece(chatty: Any, small: Any) -> None:
    made = chatty(1)
    events = [e async for e in made.graph.compile().astream(QUESTION, context=small, stream_mode="custom")]
    # A piece every time that the loop turns to the reader: the engine lets it after twenty.
    assert sum(event["type"] == "tokens" for event in events) >= made.engine.spoken / 40


async def test_what_has_been_read_does_not_change(chatty: Any, small: Any) -> None:
    stream = chatty(3).graph.compile().astream(QUESTION, context=small, stream_mode="custom")
    copies = [(event, json.dumps(event)) async for event in stream]
    assert all(json.dumps(event) == copy for event, copy in copies)


async def test_nobody_listens_and_the_engine_is_not_asked_to_speak(chatty: Any, small: Any) -> None:
    made = chatty(2)
    await made.graph.compile().ainvoke(QUESTION, context=small)
    assert made.engine.spoken == 0


class Parent(TypedDict, total=False):
    question: str
    answer: str


async def test_inside_a_parent_that_streams_it(chatty: Any, small: Any) -> None:
    made = chatty(2)
    outer: Any = StateGraph(Parent, context_schema=Settings)
    outer.add_node("leap", made.graph.compile())
    outer.add_edge(START, "leap")
    events, histories = [], {}
    async for ns, mode, part in outer.compile().astream(
        QUESTION, context=small, stream_mode=["custom", "values"], subgraphs=True
    ):
        if mode == "custom":
            assert ns[0].startswith("leap:")
            events.append(part)
        elif "histories" in part:
            histories = part["histories"]
    assert clean(said(events)) == written(histories)
    pieces = [event for event in events if event["type"] == "tokens"]
    assert len(pieces) < made.engine.spoken / 10
