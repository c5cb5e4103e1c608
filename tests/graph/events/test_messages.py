"""Streaming as LangChain users know it: each path's text as chunks, then the answer as the last message."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

QUESTION = {"question": "What is 2 + 2?"}


@pytest.mark.parametrize("thinking", [False, True])
def test_each_paths_text_streams_as_chunks(team: Any, block_then: Any, small: Any, thinking: bool) -> None:
    write = block_then("So </think>it is \\boxed{4}" if thinking else "So it is \\boxed{4}")
    graph = team(write, thinking=thinking).graph.compile()
    parts = list(graph.stream(QUESTION, context={**small, "rounds": 1}, stream_mode=["messages", "values"]))
    out = [part for mode, part in parts if mode == "values"][-1]
    messages = [part for mode, part in parts if mode == "messages"]
    for name in ("solver_1", "solver_2"):
        chunks = [m for m, meta in messages if meta["langgraph_node"] == name and isinstance(m, AIMessageChunk)]
        thoughts = "".join(s["text"] for s in out["histories"][name] if s["kind"] == "thought")
        thoughts = thoughts.replace("</think>", "")  # the end of a thought is no text for people
        answers = "".join(s["text"] for s in out["histories"][name] if s["kind"] == "answer")
        reasoning = "".join(chunk.additional_kwargs.get("reasoning_content", "") for chunk in chunks)
        text = "".join(chunk.text for chunk in chunks)
        assert (reasoning, text) == ((thoughts, answers) if thinking else ("", thoughts + answers))
        assert len(chunks) > 2
    last, meta = messages[-1]
    assert isinstance(last, AIMessage)
    assert (last.text, meta["langgraph_node"]) == ("4", "vote")


async def test_events_stream_as_those_of_a_chat_model(team: Any, say: Any, small: Any) -> None:
    graph = team(say()).graph.compile()
    text: dict[str, str] = {}
    async for event in graph.astream_events(QUESTION, context=small, version="v2"):
        if event["event"] == "on_chat_model_stream":
            node = event["metadata"]["langgraph_node"]
            text[node] = text.get(node, "") + event["data"]["chunk"].text
    assert text == {"solver_1": "It is \\boxed{4}.", "solver_2": "It is \\boxed{4}."}


def test_without_a_reader_of_messages_there_are_no_chunks(team: Any, say: Any, small: Any) -> None:
    modes = [mode for mode, _ in team(say()).graph.compile().stream(QUESTION, context=small, stream_mode=["updates"])]
    assert set(modes) == {"updates"}
