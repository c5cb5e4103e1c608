"""`response_format`: an answer as JSON, streamed and not; what cannot be kept is refused by name."""

import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from peerleap.engine import SamplingParams, ScriptedEngine

SCHEMA = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


class Number(BaseModel):
    answer: int


def script(prompt: str, params: SamplingParams) -> str:
    if params.structured_outputs is not None:
        return '{"answer": 4}'
    if prompt.endswith("\\boxed{"):
        return "}"
    if "What is 2 + 2?" not in prompt:
        return "I do not know.</think>I do not know."
    return "So it is.</think>It is \\boxed{4}."


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(script, thinking=True)


@pytest.mark.parametrize(
    ("form", "schema"), [(JSON_SCHEMA, SCHEMA), ({"type": "json_object"}, {"type": "object"})], ids=["schema", "object"]
)
async def test_the_answer_is_json(served: Any, ask: Any, engine: Any, form: Any, schema: Any) -> None:
    async with served(engine=engine) as server:
        chat = server.client().chat.completions
        whole = await chat.create(**ask, response_format=form)
        options = {"include_usage": True}
        chunks = [c async for c in await chat.create(**ask, response_format=form, stream=True, stream_options=options)]
    assert whole.choices[0].message.content == '{"answer": 4}'
    assert (whole.choices[0].finish_reason, whole.choices[0].message.refusal) == ("stop", None)
    assert whole.leap["answer"] == "4"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == '{"answer": 4}'
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == whole.usage.leap["generated"]
    assert whole.usage.leap["probe"] == len('{"answer": 4}') + 1
    assert json.loads(engine.requests[-1][1].structured_outputs.json) == schema


async def test_the_clients_own_parsers(served: Any, ask: Any, engine: Any) -> None:
    async with served(engine=engine) as server:
        parsed = await server.client().chat.completions.parse(**ask, response_format=Number)
        assert parsed.choices[0].message.parsed == Number(answer=4)
        chat = ChatOpenAI(
            model="peerleap", base_url=f"{server.url}/v1", api_key="none",  # type: ignore[arg-type]
            http_async_client=server.openai_http,
        )  # fmt: skip
        for method in ("json_schema", "json_mode"):
            structured = chat.with_structured_output(Number, method=method)
            assert await structured.ainvoke("What is 2 + 2?") == Number(answer=4)


async def test_without_an_answer_it_is_a_refusal(served: Any, ask: Any, engine: Any, leap: Any) -> None:
    body = {**ask, "messages": [{"role": "user", "content": "Who knows?"}], "response_format": JSON_SCHEMA}
    more = {"leap": {**leap, "task": "math", "answer_tokens": 1}}
    async with served(engine=engine) as server:
        chat = server.client().chat.completions
        whole = await chat.create(**body, extra_body=more)
        chunks = [chunk async for chunk in await chat.create(**body, extra_body=more, stream=True)]
        parsed = await chat.parse(**{**body, "response_format": Number}, extra_body=more)
    message = whole.choices[0].message
    assert (message.content, whole.choices[0].finish_reason) == (None, "stop")
    assert "no path has found an answer" in message.refusal
    assert "".join(c.choices[0].delta.refusal or "" for c in chunks) == message.refusal
    assert not any(chunk.choices[0].delta.content for chunk in chunks)
    assert (parsed.choices[0].message.parsed, parsed.choices[0].message.refusal) == (None, message.refusal)


REFUSED: list[tuple[Any, str]] = [
    ({}, "type=None"),
    ({"type": "xml"}, "type='xml'"),
    ({"type": ["json_object"]}, "type=['json_object']"),
    ({"type": "json_schema"}, "json_schema=None"),
    ({"type": "json_schema", "json_schema": {"name": "x"}}, "json_schema={'name': 'x'}"),
    ({"type": "json_schema", "json_schema": {"schema": "{}"}}, "json_schema="),
    ({"type": "json_schema", "json_schema": {"schema": {}, "shema": {}}}, "'shema'"),
    ({"type": "json_object", "json_schema": {}}, "'json_schema' is no field"),
    ({"type": "json_schema", "json_schema": {"schema": {"a": "\ud800"}}}, "half a character"),
    ({"type": "json_schema", "json_schema": {"schema": {"a": "x" * 40_000}}}, "characters"),
    ("json_object", "response_format='json_object'"),
]


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_no_format(served: Any, ask: Any, engine: Any, stream: bool) -> None:
    async with served(engine=engine) as server:
        for form, words in REFUSED:
            content = json.dumps({**ask, "stream": stream, "response_format": form})
            headers = {"content-type": "application/json"}
            answer = await server.http.post(f"{server.url}/v1/chat/completions", content=content, headers=headers)
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "response_format"), form
            assert words in error["message"], form
        answer = await server.http.post(
            f"{server.url}/v1/chat/completions", json={**ask, "response_format": JSON_SCHEMA, "stop": "4"}
        )
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "stop")
        assert engine.requests == []


@pytest.mark.parametrize("stream", [False, True])
async def test_an_engine_that_cannot_is_refused_before_a_path_runs(served: Any, ask: Any, stream: bool) -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "It is \\boxed{4}.", thinking=True)
    async with served(engine=engine) as server:
        body = {**ask, "stream": stream, "response_format": JSON_SCHEMA}
        answer = await server.http.post(f"{server.url}/v1/chat/completions", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
        assert "the script writes" in answer.json()["error"]["message"]
        assert [params.max_tokens for _, params in engine.requests] == [1]


async def test_generated_json_counts_against_the_clients_tokens(served: Any, ask: Any, engine: Any) -> None:
    async with served(engine=engine, tokens_per_minute=10_000) as server:
        whole = await server.client().chat.completions.create(**ask, response_format=JSON_SCHEMA)
        spent = [tokens for of_key in server.admission._spent.values() for _, tokens in of_key]
    assert spent == [whole.usage.completion_tokens]
