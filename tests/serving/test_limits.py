"""Keys, paths at once, tokens a minute, and a queue with a bound."""

import asyncio
from typing import Any

import httpx
import pytest
from openai import RateLimitError

from peerleap.graph.chat import Piece
from peerleap.serving import Admission, Keys, Limits, chat, server
from peerleap.serving.errors import RequestError

KEYS = ["first-key-1", "second-key-2"]


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_keys(served: Any, ask: Any) -> None:
    async with served(keys=KEYS) as server:
        for path in ("/v1/models", "/metrics"):
            assert (await server.http.get(f"{server.url}{path}")).status_code == 401
            for header in ("Bearer", "Basic Zmlyc3Q=", "Bearer first-key-", "Bearer ä"):
                encoded = {"authorization": header.encode("latin-1")}
                answer = await server.http.get(f"{server.url}{path}", headers=encoded)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), header
            headers = {"authorization": f"bearer {KEYS[1]}"}
            assert (await server.http.get(f"{server.url}{path}", headers=headers)).status_code == 200
        assert (await server.http.get(f"{server.url}/health")).status_code == 200
        assert (await server.http.post(f"{server.url}/v1/chat/completions", json=ask)).status_code == 401


@pytest.mark.parametrize("key", ["short", "with blank", "schlüssel-1", ""])
def test_a_bad_key_is_refused_without_being_printed(key: str) -> None:
    with pytest.raises(ValueError, match="number 2") as caught:
        Keys(["good-key-1", key])
    assert not key or key not in str(caught.value)


async def test_more_than_the_queue_holds_is_429(served: Any, ask: Any, leap: Any) -> None:
    async with served(speed=100, paths_at_once=4, queue=1) as server:
        requests = [
            asyncio.create_task(server.client().chat.completions.create(**ask, extra_body={"leap": leap}))
            for _ in range(2)
        ]
        await until(lambda: server.admission.waiting == 1)
        with pytest.raises(RateLimitError) as caught:
            await server.client().chat.completions.create(**ask, extra_body={"leap": leap})
        assert caught.value.code == "queue_full"
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
        assert server.engine.running <= 4
        assert [done.choices[0].message.content for done in await asyncio.gather(*requests)] == ["4", "4"]
        assert server.engine.most == 4
        numbers = (await server.http.get(f"{server.url}/metrics")).text
    assert 'peerleap_requests_total{status="429"} 1.0' in numbers
    assert 'peerleap_requests_total{status="200"} 2.0' in numbers
    assert 'peerleap_paths_total{status="finished"} 8.0' in numbers
    assert "peerleap_blocks_total 2.0" in numbers
    assert "peerleap_running 0.0" in numbers


async def test_a_client_that_leaves_the_queue_is_forgotten(served: Any, ask: Any, leap: Any) -> None:
    async with served(speed=100, paths_at_once=4, queue=4) as server:
        runs = asyncio.create_task(server.client().chat.completions.create(**ask, extra_body={"leap": leap}))
        await until(lambda: server.admission.running == 1)
        for stream in (False, True):
            body = {**ask, "stream": stream, "leap": leap}
            with pytest.raises(httpx.ReadTimeout):
                async with server.http.stream(
                    "POST", f"{server.url}/v1/chat/completions", json=body, timeout=0.3
                ) as answer:
                    await answer.aread()
            await until(lambda: server.admission.waiting == 0)
        assert (await runs).choices[0].message.content == "4"


async def test_tokens_a_minute_of_each_key(served: Any, ask: Any, leap: Any) -> None:
    async with served(keys=KEYS, tokens_per_minute=100) as server:
        first, second = map(server.client, KEYS)
        await first.chat.completions.create(**ask, extra_body={"leap": leap})
        with pytest.raises(RateLimitError, match="100 generated tokens a minute") as caught:
            await first.chat.completions.create(**ask, extra_body={"leap": leap})
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
        done = await second.chat.completions.create(**ask, extra_body={"leap": leap})
        assert done.choices[0].message.content == "4"


def enter(admission: Admission, client: str, paths: int, order: list[str], name: str) -> Any:
    async def work() -> None:
        order.append(name)
        await asyncio.sleep(60)

    return admission.enter(client, paths).begin(work)


async def test_who_waits_for_its_key_holds_up_nobody_else() -> None:
    admission, order = Admission(Limits(paths_at_once=10, paths_per_key=4)), list[str]()
    tasks = {name: enter(admission, name[0], 4, order, name) for name in ("a1", "a2", "a3", "b1")}
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (order, admission.waiting, admission.running_paths) == (["a1", "b1"], 2, 8)
    tasks["a1"].cancel()
    await asyncio.wait({tasks["a1"]})
    await asyncio.sleep(0)
    assert (order, admission.waiting) == (["a1", "b1", "a2"], 1)
    for task in tasks.values():
        task.cancel()
    await asyncio.wait(set(tasks.values()))
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_large_request_is_not_overtaken_for_ever() -> None:
    admission, order = Admission(Limits(paths_at_once=8)), list[str]()
    tasks = [enter(admission, "", paths, order, name) for name, paths in (("a", 6), ("large", 8), ("small", 1))]
    for _ in range(3):
        await asyncio.sleep(0)
    assert order == ["a"]
    tasks[0].cancel()
    for _ in range(4):
        await asyncio.sleep(0)
    assert order == ["a", "large"]
    for task in tasks:
        task.cancel()
    await asyncio.wait(set(tasks))


async def test_a_place_is_free_again_also_where_the_work_never_began() -> None:
    admission = Admission(Limits(paths_at_once=4))
    task = enter(admission, "", 4, [], "x")
    task.cancel()  # before the loop has run it
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert admission.running == 0


async def test_a_closed_queue_sends_everybody_away() -> None:
    admission, order = Admission(Limits(paths_at_once=4)), list[str]()
    runs, waits = (enter(admission, "", 4, order, name) for name in ("runs", "waits"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    admission.close()
    with pytest.raises(RequestError, match="stops"):
        await waits
    with pytest.raises(RequestError, match="stops"):
        admission.enter("", 1)
    assert not runs.done()
    admission.stop()
    with pytest.raises(RequestError, match="stops"):
        await runs


async def test_a_reader_that_reads_nothing_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "_STALLED_SECONDS", 0.01)
    queue: asyncio.Queue[Piece] = asyncio.Queue(1)
    await chat._put(queue, Piece("a"))
    with pytest.raises(RequestError, match="nothing was read"):
        await chat._put(queue, Piece("b"))


async def test_a_client_that_leaves_while_it_sends_is_no_fault(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with served() as server:
        port = int(server.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: 1000\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        numbers = ""
        async with asyncio.timeout(20):
            while 'status="499"' not in numbers:
                numbers = (await server.http.get(f"{server.url}/metrics")).text
    assert "Traceback" not in caplog.text


async def test_headers_without_end_are_refused(served: Any) -> None:
    async with served() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000)
        assert b" 400 " in await reader.readline()
        writer.close()


async def test_headers_that_do_not_come_end_the_connection(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_IDLE", 0.2)
    async with served(speed=300) as running, asyncio.timeout(20):
        port = int(running.url.rpartition(":")[2])
        head = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for sent in (b"", head, head + b"\r\n" + head):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert (await reader.read()).count(b"ok") == sent.count(b"\r\n\r\n")
            writer.close()
        body = {"model": "peerleap", "messages": [{"role": "user", "content": "2 + 2?"}]}
        slow = await running.http.post(f"{running.url}/v1/chat/completions", json=body)
        assert slow.status_code == 200  # who has sent a request may wait for its answer


@pytest.mark.parametrize("limits", [{"paths_at_once": 0}, {"queue": -1}, {"tokens_per_minute": 0}])
def test_bad_limits(limits: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        Limits(**limits)
