"""Other agents' ways in: MCP and A2A get an answer, not the histories."""

import ast
from typing import Any

import httpx
import pytest

# Wide of what an answer takes, and far below what the histories of such a run take.
MOST_BYTES = 2500


def call(server: Any, tool: str, **arguments: str) -> Any:
    return server.rpc("/mcp", "tools/call", name=tool, arguments=arguments)


def test_mcp_lists_the_graphs(server: Any) -> None:
    started = server.rpc("/mcp", "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})
    assert "tools" in started["capabilities"]
    tools = {tool["name"]: tool for tool in server.rpc("/mcp", "tools/list")["tools"]}
    assert set(tools) == {"leap", "leap_answer"}
    schema = tools["leap_answer"]["inputSchema"]["properties"]
    assert {name: field["type"] for name, field in schema.items()} == {"question": "string", "messages": "string"}
    assert "vote" in tools["leap_answer"]["description"]


@pytest.mark.parametrize("key", ["question", "messages"])
def test_mcp_call_gives_an_answer_only(server: Any, key: str) -> None:
    result = call(server, "leap_answer", **{key: "What is 2 + 2?"})
    (content,) = result["content"]
    given = ast.literal_eval(content["text"])
    assert set(given) == {"answer", "votes", "usage", "messages"}
    assert given["answer"] in {"0", "1"}
    assert sum(vote["votes"] for vote in given["votes"]) == 4
    assert given["usage"]["generated"] > 1000, "there was something to leave out"
    assert given["messages"][-1]["content"] == given["answer"]
    assert len(content["text"]) < MOST_BYTES
    assert "step" not in content["text"], "the thoughts say step"


def test_mcp_call_with_settings(server: Any, context: Any) -> None:
    arguments = {"question": "What is 2 + 2?"}
    result = server.rpc("/mcp", "tools/call", name="leap_answer", arguments=arguments, context=context)
    assert ast.literal_eval(result["content"][0]["text"])["usage"]["generated"] < 1100, "with its defaults it is 5000"


def test_mcp_call_with_a_bad_argument_is_told(server: Any) -> None:
    result = call(server, "leap_answer", qestion="What is 2 + 2?")
    assert result["isError"]
    assert "InputError" in result["content"][0]["text"]


def test_a2a(server: Any) -> None:
    (assistant,) = server.client.assistants.search(graph_id="leap_answer")
    name = assistant["assistant_id"]
    card = httpx.get(server.url + "/.well-known/agent-card.json", params={"assistant_id": name}).json()
    assert card["name"] == "leap_answer"
    assert card["skills"][0]["metadata"]["inputSchema"]["supportsA2A"]
    message = {"role": "user", "messageId": "1", "parts": [{"kind": "text", "text": "What is 2 + 2?"}]}
    result = server.rpc(f"/a2a/{name}", "message/send", message=message)
    assert result["status"]["state"] == "completed"
    assert result["artifacts"][0]["parts"][0]["text"] in {"0", "1"}
    assert len(str(result)) < MOST_BYTES
