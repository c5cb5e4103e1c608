"""`/v1/chat/completions`, by the real clients: replies, streams, and clients that leave."""

import asyncio
import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from openai import APIError
from pydantic import SecretStr

from peerleap.engine import ScriptedEngine


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_reply(served: Any, ask: Any, leap: Any) -> None:
    async with served() as server:
        done = await server.client().chat.completions.create(**ask, extra_body={"leap": leap})
        prompt = server.engine.tokenizer.decode(server.engine.requests[0][0])
    choice = done.choices[0]
    assert (choice.message.content, choice.finish_reason, done.model) == ("4", "stop", "peerleap")
    assert choice.message.reasoning_content.startswith("Let me see, two and two.")
    assert "</think>" not in choice.message.reasoning_content
    assert done.leap["votes"] == {"4": 4}
    assert done.leap["blocks"] == 1
    assert set(done.leap["paths"]) == {f"solver_{n}" for n in range(1, 5)}
    assert done.usage.completion_tokens == done.usage.leap["generated"] > 0
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.usage.prompt_tokens_details.cached_tokens == done.usage.leap["cached"]
    assert 0 < done.usage.completion_tokens_details.reasoning_tokens < done.usage.completion_tokens
    assert "Be brief." in prompt


async def test_a_stream(served: Any, ask: Any, leap: Any) -> None:
    async with served() as server:
        stream = await server.client().chat.completions.create(
            **ask, stream=True, stream_options={"include_usage": True}, extra_body={"leap": leap}
        )
        chunks = [chunk async for chunk in stream]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    thought = [chunk for chunk in chunks if chunk.choices and hasattr(chunk.choices[0].delta, "reasoning_content")]
    text = "".join(chunk.choices[0].delta.reasoning_content for chunk in thought)
    assert text.startswith("Let me see, two and two.")
    assert text.index("> LeaP block 1: solver_1 reads") < text.index("> Vote: 4 (4 of 4)")
    assert {chunk.leap["path"] for chunk in thought} == {"solver_1", None}
    answer, last, counts = chunks[-3:]
    assert answer.choices[0].delta.content == "4"
    assert (last.choices[0].finish_reason, last.leap["votes"]) == ("stop", {"4": 4})
    assert counts.choices == []
    assert counts.usage.completion_tokens == counts.usage.leap["generated"]


async def test_a_stream_without_usage_ends_with_its_reason(served: Any, ask: Any, leap: Any) -> None:
    async with served() as server:
        stream = await server.client().chat.completions.create(**ask, stream=True, extra_body={"leap": leap})
        chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


async def test_no_text_of_a_model_ends_a_line_of_a_stream(served: Any, ask: Any) -> None:
    text = "one\u2028two\u2029three\x85four\x0b\x0c\x1c\r\n\r\ndata: [DONE]\n\n é 😀"
    engine = ScriptedEngine(lambda _prompt, _params: f"{text}</think>It is \\boxed{{4}}.", thinking=True)
    async with served(engine=engine) as server:
        body, shown = {**ask, "stream": True}, ""
        async with server.http.stream("POST", f"{server.url}/v1/chat/completions", json=body) as answer:
            lines = [line async for line in answer.aiter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    for line in lines:  # a client that splits at every line break of Unicode's
        shown += json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("reasoning_content", "")
    assert text in shown


async def test_leaps_field_goes_over_openais_and_those_over_the_name(served: Any, ask: Any, leap: Any) -> None:
    name = "peerleap:temperature=0.1,top_p=0.1,min_p=0.1,paths=2,seed=1,max_tokens=800"
    over = {**leap, "sampling": {"top_p": 0.3}, "paths": 3}
    over.pop("max_tokens")
    async with served() as server:
        chat = server.client().chat.completions
        done = await chat.create(**{**ask, "model": name}, temperature=0.2, top_p=0.2, extra_body={"leap": over})
        params = server.engine.requests[0][1]
        other = await chat.create(**{**ask, "model": name}, seed=5, extra_body={"leap": over})
    assert (params.temperature, params.top_p, params.min_p) == (0.2, 0.3, 0.1)
    assert (len(done.leap["paths"]), done.leap["seed"], other.leap["seed"]) == (3, 1, 5)


@pytest.mark.parametrize("stream", [False, True])
async def test_all_thoughts_or_none(served: Any, ask: Any, leap: Any, stream: bool) -> None:
    async with served() as server:
        for thoughts, expected in (("all", "solver_3: Let me see"), ("none", "")):
            body = {**ask, "stream": stream, "leap": {**leap, "thoughts": thoughts}}
            text = (await server.http.post(f"{server.url}/v1/chat/completions", json=body)).text
            assert expected in text
            assert ("reasoning_content" in text) == bool(expected)


async def test_settings_by_name_field_and_body(served: Any, ask: Any, leap: Any) -> None:
    body = {**ask, "model": "peerleap:paths=2,top_k=1,temperature=0.3,min_p=0.1", "top_p": 0.8, "seed": 7}
    async with served() as server:
        client = server.client()
        done = await client.chat.completions.create(**body, max_completion_tokens=700, extra_body={"leap": leap})
        params = server.engine.requests[0][1]
        again = await client.chat.completions.create(**body, max_completion_tokens=700, extra_body={"leap": leap})
        other = await client.chat.completions.create(**ask, extra_body={"leap": leap})
    assert (params.temperature, params.top_p, params.min_p) == (0.3, 0.8, 0.1)
    assert len(done.leap["paths"]) == 2
    assert done.leap["seed"] == again.leap["seed"] == 7
    assert other.leap["seed"] != 7
    seeds = [params.seed for _, params in server.engine.requests]
    assert seeds[: len(seeds) // 3] != seeds[-(len(seeds) // 3) :]


async def test_a_stop_text_ends_the_answer(served: Any, ask: Any, leap: Any) -> None:
    async with served() as server:
        done = await server.client().chat.completions.create(**ask, stop="4", extra_body={"leap": leap})
    assert (done.choices[0].message.content, done.leap["answer"]) == ("", "4")


async def test_chat_openai(served: Any, leap: Any) -> None:
    async with served() as server:
        model = ChatOpenAI(
            model="peerleap:paths=2", base_url=f"{server.url}/v1", api_key=SecretStr("none"), extra_body={"leap": leap},
            stream_usage=True, max_retries=0, http_async_client=server.openai_http,
        )  # fmt: skip
        message = await model.ainvoke([("system", "Be brief."), ("user", "What is 2 + 2?")])
        chunks = [chunk async for chunk in model.astream("What is 2 + 2?")]
    assert message.content == "4"
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == "4"
    assert whole.usage_metadata is not None


async def test_curl(served: Any, ask: Any, leap: Any) -> None:
    async with served() as server:
        body = json.dumps({**ask, "stream": True, "leap": leap})
        process = await asyncio.create_subprocess_exec(
            "curl", "-sN", f"{server.url}/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
    lines = [line for line in out.decode().splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[-2].removeprefix("data: "))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_all_paths(served: Any, ask: Any, leap: Any, stream: bool) -> None:
    async with served(speed=30) as server:
        request = asyncio.create_task(
            server.client().chat.completions.create(**ask, stream=stream, extra_body={"leap": leap})
        )
        await until(lambda: server.engine.running == 4)
        if stream:
            await (await request).close()
        else:
            request.cancel()
        await until(lambda: server.engine.running == 0)
        assert server.engine.aborted == 4
        await until(lambda: server.admission.running == 0)
        before = len(server.engine.requests)
        await asyncio.sleep(0.05)
        assert len(server.engine.requests) == before
        numbers = (await server.http.get(f"{server.url}/metrics")).text
        assert 'peerleap_requests_total{status="499"} 1.0' in numbers


async def test_a_killed_curl_stops_all_paths(served: Any, ask: Any, leap: Any) -> None:
    async with served(speed=30) as server:
        process = await asyncio.create_subprocess_exec(
            "curl", "-sN", f"{server.url}/v1/chat/completions", "-H", "Content-Type: application/json",
            "-d", json.dumps({**ask, "stream": True, "leap": leap}), stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await until(lambda: server.engine.running == 4)
        process.kill()
        await process.wait()
        await until(lambda: server.engine.running == 0 and server.admission.running == 0)
        assert server.engine.aborted == 4


async def test_two_hundred_clients_at_once(served: Any, ask: Any, leap: Any) -> None:
    async with served(paths_at_once=64, queue=256) as server:
        client = server.client()

        async def one(number: int) -> str:
            body = {**ask, "extra_body": {"leap": {**leap, "paths": 2}}}
            if number % 2:
                return str((await client.chat.completions.create(**body)).choices[0].message.content)
            stream = await client.chat.completions.create(**body, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream])

        answers = await asyncio.gather(*map(one, range(200)))
        assert answers == ["4"] * 200
        assert 2 < server.engine.most <= 64
        assert (server.admission.running, server.admission.waiting) == (0, 0)


async def test_an_error_in_a_stream_is_an_event(served: Any, ask: Any, leap: Any, monkeypatch: Any) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("/secret/folder is gone")

    async with served() as server:
        monkeypatch.setattr(server.engine, "generate", fail)
        stream = await server.client().chat.completions.create(**ask, stream=True, extra_body={"leap": leap})
        with pytest.raises(APIError, match="every path failed") as caught:
            [chunk async for chunk in stream]
        assert "secret" not in str(caught.value.body)
        with pytest.raises(APIError, match="every path failed") as caught:
            await server.client().chat.completions.create(**ask, extra_body={"leap": leap})
        assert "secret" not in str(caught.value.body)


async def test_talk_in_the_models_name(served: Any, ask: dict[str, Any], leap: dict[str, Any]) -> None:
    async with served() as server:
        body = {**ask, "model": "peerleap:talk=probe", "leap": {**leap, "rounds": 4}}
        reply = (await server.http.post(f"{server.url}/v1/chat/completions", json=body)).json()
        wrong = await server.http.post(f"{server.url}/v1/chat/completions", json={**ask, "model": "peerleap:talk=no"})
    assert "probe" in reply["leap"]["usage"]
    assert reply["leap"]["stopped"] == "agreement"
    assert wrong.status_code == 400
    assert "talk='no'" in wrong.json()["error"]["message"]
