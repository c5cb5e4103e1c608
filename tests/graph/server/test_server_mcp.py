"""An MCP client, the protocol's own: a conversation reaches the models, and what is refused is named."""

import ast
import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from peerleap.graph.server.reasons import with_reason

TALK = [
    {"role": "system", "content": "I like number 1."},
    {"role": "user", "content": "You like number 2."},
    {"role": "assistant", "content": "I like number 3."},
    {"role": "user", "content": "Which numbers did we say, number 4 too?"},
]
IMAGE = [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
]
Call = Callable[[dict[str, Any]], Any]


@pytest.fixture
def call(server: Any) -> Call:
    """Calls `leap_answer` as an MCP client does."""

    async def ask(arguments: dict[str, Any]) -> Any:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamable_http_client

        async with (
            streamable_http_client(server.url + "/mcp") as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert "leap_answer" in {tool.name for tool in tools}
            return await session.call_tool("leap_answer", arguments)

    return lambda arguments: asyncio.run(ask(arguments))


def given(result: Any) -> Any:
    assert not result.is_error, result
    (content,) = result.content
    return ast.literal_eval(content.text)


@pytest.mark.parametrize("written", [False, True])
def test_a_conversation_reaches_the_models(call: Call, written: bool) -> None:
    """The tool's schema, which the server writes, wants a text for `messages`: the list may be written as JSON."""
    out = given(call({"messages": json.dumps(TALK) if written else TALK}))
    assert out["answer"] == "1234"
    said = [message["content"] for message in out["messages"]]
    assert said == [*(turn["content"] for turn in TALK), "1234"]


def test_a_text_is_the_question(call: Call) -> None:
    assert given(call({"messages": "Which numbers? number 5 and number 6"}))["answer"] == "56"


@pytest.mark.parametrize("written", [False, True])
def test_an_image_is_refused_by_name(call: Call, written: bool) -> None:
    messages = [*TALK[:3], {"role": "user", "content": IMAGE}]
    result = call({"messages": json.dumps(messages) if written else messages})
    assert result.is_error
    assert "InputError: messages: a part of type 'image_url' cannot be read" in result.content[0].text


def test_a_misspelt_argument_is_named(call: Call) -> None:
    result = call({"qestion": "What is 2 + 2?"})
    assert result.is_error
    assert "'qestion' is unknown; did you mean 'question'?" in result.content[0].text


def test_a2a_names_what_is_refused(server: Any) -> None:
    (assistant,) = server.client.assistants.search(graph_id="leap_answer")
    file = {"kind": "file", "file": {"uri": "https://example.org/x.png", "mimeType": "image/png", "name": "x.png"}}
    message = {"role": "user", "messageId": "1", "parts": [{"kind": "text", "text": "What is this?"}, file]}
    status = server.rpc(f"/a2a/{assistant['assistant_id']}", "message/send", message=message)["status"]
    assert "a part of type 'image' cannot be read" in status["message"]["parts"][0]["text"]


def test_others_read_name_and_reason_apart(server: Any) -> None:
    request = {"assistant_id": "leap_answer", "input": {"question": " "}}
    told = httpx.post(server.url + "/runs/wait", json=request, timeout=300).json()["__error__"]
    assert told["error"] == "InputError"
    assert "not empty" in told["message"]


@pytest.mark.parametrize("body", [b"", b"\n", b'{"answer":"4"}', b'{"__error__":1}', b'{"__error__":{"a":1}}', b'{"__error__":'])  # fmt: skip  # noqa: E501
def test_anything_else_passes_as_it_is(body: bytes) -> None:
    assert with_reason(body) == body
