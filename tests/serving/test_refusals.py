"""What a request may not say: an error object of OpenAI's form that names the field, and nothing of this machine."""

import json
from typing import Any

import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError

from peerleap.serving.request import parse

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
USER = {"role": "user", "content": "What is 2 + 2?"}

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"n": 2}, "n", "n=2"),
    ({"n": True}, "n", "n=True"),
    ({"tools": [{"type": "function"}]}, "tools", "tools=["),
    ({"tool_choice": "required"}, "tool_choice", "required"),
    ({"functions": [{}]}, "functions", "functions=["),
    ({"logprobs": True}, "logprobs", "logprobs=True"),
    ({"logit_bias": {"1": 2}}, "logit_bias", "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty", "repetition_penalty"),
    ({"store": True}, "store", "nothing is stored"),
    ({"reasoning_effort": "low"}, "reasoning_effort", "in tokens"),
    ({"temperature": 3}, "temperature", "temperature=3"),
    ({"temperature": "hot"}, "temperature", "temperature='hot'"),
    ({"top_p": 0}, "top_p", "top_p=0"),
    ({"max_tokens": 0}, "max_tokens", "max_tokens=0"),
    ({"max_tokens": 1.5}, "max_tokens", "max_tokens=1.5"),
    ({"max_completion_tokens": 10**12}, "max_completion_tokens", "max_completion_tokens"),
    ({"seed": "x"}, "seed", "seed='x'"),
    ({"stop": [1]}, "stop", "stop"),
    ({"stream": "yes"}, "stream", "stream='yes'"),
    ({"messages": []}, "messages", "messages"),
    ({"messages": "Hello"}, "messages", "messages='Hello'"),
    ({"messages": [{"role": "tool", "content": "4", "tool_call_id": "1"}, USER]}, "messages", "role='tool'"),
    ({"messages": [{"role": "robot", "content": "4"}]}, "messages", "role='robot'"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages", "'image_url'"),
    ({"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [{}]}, USER]}, "messages", "tool_calls"),
    (
        {"messages": [USER, {"role": "assistant", "content": None, "function_call": {"name": "f"}}, USER]},
        "messages",
        "function_call",
    ),
    ({"messages": [USER, {"role": "assistant", "content": "4"}]}, "messages", "person"),
    ({"messages": [{"role": "user", "content": "  "}]}, "messages", "not empty"),
    ({"messages": [USER, {"role": "assistant", "function_call": {"name": "f"}}, USER]}, "messages", "function_call"),
    ({"messages": [USER, {"role": "assistant", "audio": {"id": "1"}}, USER]}, "messages", "audio"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages", "messages.0.content=3: give a text"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages", "a part 'x': give {'type': 'text'"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages", "text=None: give a text"),
    ({"messages": ["x"]}, "messages", "messages.0='x': give an object"),
    ({"messages": [{"role": "x" * 5000}]}, "messages", "x…: give system"),
    ({"stop": ["x"] * 17}, "stop", "at most 16"),
    ({"stop": {"a": 1}}, "stop", "stop={'a': 1}: input should be a valid list"),
    ({"stream_options": {"includ_usage": True}}, "stream_options", "includ_usage=True: there is no such field"),
    ({"stream_options": {"include_usage": "yes"}}, "stream_options", "include_usage='yes'"),
    ({"leap": {"topk": 2}}, "leap", "'topk' is not a setting"),
    ({"leap": {f"a{n}": 1 for n in range(9999)}}, "leap", "'a2' is not a setting"),
    ({"leap": {"communicate_at": [0] * 9999}}, "leap", "communicate_at.4=0"),
    ({"leap": {"sampling": {f"a{n}": 1 for n in range(9999)}}}, "leap", "and 9,994 more"),
    ({"leap": {"router": "x" * 100_000}}, "leap", "x…: input should be"),
    ({"leap": {"x" * 100_000: 1}}, "leap", "is not a setting"),
    ({"x" * 100_000: 1}, "x" * 999 + "…", "xxx"),
    ({"leap": {"top_k": 0}}, "leap", "top_k=0"),
    ({"leap": {"human_peer": True}}, "leap.human_peer", "human_peer"),
    ({"leap": {"paths": 0}}, "leap.paths", "paths=0"),
    ({"leap": {"paths": 65}}, "leap.paths", "at most 64"),
    ({"leap": {"paths": "4"}}, "leap.paths", "paths='4'"),
    ({"leap": {"thoughts": "some"}}, "leap.thoughts", "thoughts='some'"),
    ({"leap": {"summary_tokens": 4096, "max_tokens": 2**30}}, "leap", "context"),
    ({"leap": 3}, "leap", "leap=3"),
    ({"model": "peerleap:paths"}, "model", "SETTING=VALUE"),
    ({"model": "peerleap:topk=2"}, "leap", "'topk'"),
    ({"model": "peerleap:paths=2,paths=4"}, "model", "'paths' is there twice"),
    ({"model": "peerleap:min_p=0,min_p=1"}, "model", "'min_p' is there twice"),
    ({"model": "peerleap:sampling=model,min_p=0.1"}, "model", "base=model"),
    ({"model": "peerleap:min_p=0.1,sampling=null"}, "model", "base=model"),
    ({"model": "peerleap:sampling=x"}, "leap", "sampling='x'"),
    ({"min_p": 0.1}, "min_p", "leap={'sampling': {'min_p': 0.1}}"),
    ({"interval": 50}, "interval", "leap={'interval': 50}"),
    ({"temprature": 1}, "temprature", "did you mean 'temperature'?"),
    ({"paths": 4}, "paths", "leap={'paths': 4}"),
]


@pytest.mark.parametrize("stream", [False, True])
async def test_bad_fields(served: Any, ask: Any, stream: bool) -> None:
    async with served(paths_at_once=64) as server:
        for fields, param, words in REFUSED:
            body = {**ask, "stream": stream, **fields}
            answer = await server.http.post(f"{server.url}/v1/chat/completions", json=body)
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, param), fields
            assert error["type"] == "invalid_request_error"
            assert words in error["message"], fields
            assert len(error["message"]) <= 1000, fields
        assert server.engine.requests == []
        assert (server.admission.running, server.admission.waiting) == (0, 0)


def test_what_a_model_refused_is_a_turn() -> None:
    refused = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
    messages = parse({"model": "peerleap", "messages": [USER, refused, USER]}).messages
    assert messages[1].content == "I cannot help with that."


HARMLESS = {
    "n": 1, "tools": [], "tool_choice": "auto", "response_format": {"type": "text"}, "logprobs": False,
    "presence_penalty": 0.0, "store": False, "user": "me", "metadata": {"a": "b"}, "service_tier": "auto",
    "parallel_tool_calls": True, "stop": None, "seed": -1, "logit_bias": None, "modalities": ["text"],
}  # fmt: skip


async def test_what_asks_for_nothing_is_taken(served: Any, ask: Any, leap: Any) -> None:
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "2 + 2?"}]
    messages = [
        {"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello", "name": "me"},
        {"role": "assistant", "content": "Hi", "reasoning_content": "..."}, {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": None, "refusal": "I cannot."}, {"role": "user", "content": "Please"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, {"role": "user", "content": parts},
    ]  # fmt: skip
    async with served() as server:
        body = {**ask, **HARMLESS, "messages": messages, "leap": leap}
        answer = await server.http.post(f"{server.url}/v1/chat/completions", json=body)
        prompt = server.engine.tokenizer.decode(server.engine.requests[0][0])
    assert answer.json()["choices"][0]["message"]["content"] == "4"
    places = [prompt.index(text) for text in ("Be brief.", "Hello", "Hi", "I cannot.", "No.", "What is\n\n2 + 2?")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "no JSON"),
        (b"[" * 100_000, "application/json", 400, "no JSON"),
        (b"[]", "application/json", 400, "no JSON object"),
        (b"\xff\xfe", "application/json", 400, "no JSON"),
        (b'{"\\ud800": 1}', "application/json", 400, "no field"),
        (
            b'{"model": "peerleap:\\ud800", "messages": [{"role": "user", "content": "x"}]}',
            "application/json",
            400,
            "unicode",
        ),
        (
            b'{"model": "peerleap", "messages": [{"role": "\\ud800", "content": "x"}]}',
            "application/json",
            400,
            "role",
        ),
        (
            b'{"model": "peerleap", "leap": {"\\ud800": 1}, "messages": [{"role": "user"}]}',
            "application/json",
            400,
            "unicode",
        ),
        (b'{"seed": ' + b"9" * 5000 + b"}", "application/json", 400, "no JSON"),
        (b'{"model": "peerleap", "temperature": NaN, "messages": [{"role": "user"}]}', "application/json", 400, "nan"),
        *[
            (b'{"leap": ' + b'{"a":' * deep + b"1" + b"}" * deep + b"}", "application/json", 400, "more than 100 lists")
            for deep in (101, 400, 800, 900)
        ],
        (b'{"metadata": [' + b"1," * 1_000_000 + b"1]}", "application/json", 400, "metadata: a list or an object of 1"),
        (b'{"a": [' + b",".join([b"[1,1,1,1,1,1,1,1,1,1]"] * 9999) + b"]}", "application/json", 400, "100,000 values"),
        (b"{}", "text/plain", 415, "text/plain"),
        (b"{}", "application/json; charset=utf-8", 400, "model"),
        (b"x" * 2000, "application/json", 413, "1,000 bytes"),
    ],
)
async def test_bad_bodies(served: Any, content: bytes, kind: str, status: int, words: str) -> None:
    limit = 1000 if status == 413 else 4_000_000
    async with served(body_bytes=limit) as server:
        answer = await server.http.post(
            f"{server.url}/v1/chat/completions", content=content, headers={"content-type": kind}
        )
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


async def test_the_client_raises_its_own_errors(served: Any, ask: Any) -> None:
    async with served(keys=["secret-key-1"]) as server:
        with pytest.raises(AuthenticationError, match="not known"):
            await server.client("other-key").chat.completions.create(**ask)
        client = server.client("secret-key-1")
        with pytest.raises(NotFoundError, match="gpt-4o"):
            await client.chat.completions.create(**{**ask, "model": "gpt-4o"})
        with pytest.raises(BadRequestError, match="top_k=0") as caught:
            await client.chat.completions.create(**ask, extra_body={"leap": {"top_k": 0}})
        assert caught.value.param == "leap"


async def test_models_health_and_unknown_addresses(served: Any) -> None:
    async with served() as server:
        client = server.client()
        assert [model.id async for model in client.models.list()] == ["peerleap"]
        assert (await client.models.retrieve("peerleap:paths=8")).id == "peerleap:paths=8"
        with pytest.raises(NotFoundError):
            await client.models.retrieve("other")
        assert (await server.http.get(f"{server.url}/health")).json() == {"status": "ok"}
        missing = await server.http.get(f"{server.url}/v1/embeddings")
        assert (missing.status_code, missing.json()["error"]["type"]) == (404, "invalid_request_error")
        for path in ("chat/completions/", "models/", "completions", "responses"):  # no way to another host either
            other = await server.http.post(f"{server.url}/v1/{path}", json={}, headers={"host": "evil.example"})
            assert (other.status_code, "location" in other.headers) == (404, False)
        method = await server.http.get(f"{server.url}/v1/chat/completions")
        assert (method.status_code, method.headers["allow"]) == (405, "POST")


async def test_foreign_hosts_are_refused(served: Any) -> None:
    async with served(hosts=["127.0.0.1"]) as server:
        foreign = await server.http.get(f"{server.url}/v1/models", headers={"host": "evil.example:80"})
        assert foreign.status_code == 400
        assert (await server.http.get(f"{server.url}/v1/models")).status_code == 200


async def test_the_models_folder_is_not_told(served: Any, ask: Any, tmp_path: Any) -> None:
    from tests.serving.conftest import CountedEngine

    engine = CountedEngine(model=str(tmp_path), context_length=1000)
    async with served(engine=engine) as server:
        body = {**ask, "leap": {"summary_tokens": 4096}}
        answer = await server.http.post(f"{server.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert str(tmp_path) not in answer.text
    assert "the model" in json.dumps(answer.json())
