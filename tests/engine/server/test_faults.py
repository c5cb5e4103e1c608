"""Whatever befalls a server or the way to it: a request is answered whole, once, or given up in one line."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from peerleap.engine import Completion, EngineDead, EngineError, SamplingParams, ScriptedEngine, ServerEngine
from peerleap.engine.server import delivery
from tests.engine.server.wire_server import WireServer

Connect = Callable[..., ServerEngine]
ServeWire = Callable[..., WireServer]
PARAMS = SamplingParams(max_tokens=400, seed=7)
SESSION = "run/solver_1"


@pytest.fixture
async def right(wire: WireServer, connect: Connect) -> Completion:
    """What an undisturbed request is answered."""
    done = await connect(wire).generate([1, 2, 3], PARAMS)
    wire.requests.clear()
    return done


@pytest.mark.parametrize(
    "faults",
    [["cut"], ["drops"], ["429"], ["429", "429"], ["503"], ["500"], ["error"], ["garbage"], ["loses"], ["503", "cut"]],
    ids="-".join,
)
async def test_a_request_is_sent_again_whole(
    wire: WireServer, connect: Connect, right: Completion, faults: list[str]
) -> None:
    wire.faults.extend(faults)
    heard = list[str]()
    done = await connect(wire).generate([1, 2, 3], PARAMS, session=SESSION, on_text=heard.append)
    assert (done.token_ids, done.text, done.stop_reason) == (right.token_ids, right.text, right.stop_reason)
    assert len(wire.requests) == len(faults) + 1
    assert len({str(body) for _, body in wire.requests}) == 1, "the same request, seed and all"
    if "loses" not in faults:
        assert "".join(heard) == right.text, "nothing is heard twice"


async def test_a_server_that_dies_and_comes_back(
    wire: WireServer, connect: Connect, right: Completion, caplog: pytest.LogCaptureFixture
) -> None:
    engine, heard = connect(wire), list[str]()
    await engine.start()
    wire.faults.append("dies")
    back = threading.Timer(1.0, wire.start)
    back.start()
    with caplog.at_level(logging.INFO):
        done = await engine.generate([1, 2, 3], PARAMS, session=SESSION, on_text=heard.append)
    back.join()
    assert done.token_ids == right.token_ids
    assert "".join(heard) == right.text
    assert caplog.text.count("is gone") == 1
    assert "sent again when it is back" in caplog.text
    assert "is back" in caplog.text
    assert wire.looks == 3, "a server that comes back is looked at again"


async def test_many_requests_survive_a_death(wire: WireServer, connect: Connect, right: Completion) -> None:
    engine = connect(wire)
    await engine.start()
    wire.chunk_seconds = 0.01
    wire.faults.extend(["ok"] * 20 + ["dies"])
    back = threading.Timer(1.0, wire.start)
    back.start()
    requests = (engine.generate([1, 2, 3], PARAMS, session=f"run/solver_{n}") for n in range(40))
    results = await asyncio.gather(*requests)
    back.join()
    assert {tuple(done.token_ids) for done in results} == {tuple(right.token_ids)}
    assert wire.looks <= 4, "not once for each request"


async def test_a_server_that_comes_back_with_another_model(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire, model="scripted")
    await engine.start()
    wire.kill()
    wire.id = "another"
    wire.start()
    with pytest.raises(EngineError, match=r"'another'|does not serve this model any more"):
        await engine.generate([1], PARAMS)


async def test_another_server_takes_over(serve_wire: ServeWire, connect: Connect, right: Completion) -> None:
    servers = [serve_wire(ScriptedEngine(lambda _p, params: f"seed {params.seed}: " + "one, two, three. é√2\u2028" * 9))
               for _ in range(2)]  # fmt: skip
    engine = connect(*servers)
    for number in range(4):
        await engine.generate([1, 2, 3], PARAMS, session=f"run/{number}")
    assert [len(server.requests) for server in servers] == [2, 2]
    first, second = servers
    for server in servers:
        server.requests.clear()
        server.chunk_seconds = 0.02
    first.faults.append("dies")
    results = await asyncio.gather(*(engine.generate([1, 2, 3], PARAMS, session=f"run/{n}") for n in range(4)))
    assert {tuple(done.token_ids) for done in results} == {tuple(right.token_ids)}
    assert len(second.requests) == 4
    first.start()
    for server in servers:
        server.chunk_seconds = 0
    for number in range(4):
        await engine.generate([1, 2, 3], PARAMS, session=f"run/{number}")
    assert len(second.requests) == 8, "sessions stay where their cache is now"


async def test_patience_ends(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire, patience=0.5)
    await engine.start()
    wire.kill()
    with pytest.raises(EngineDead, match=r"is gone: .*; tried again for 0 s|none of the servers") as given_up:
        await engine.generate([1], PARAMS)
    assert "\n" not in str(given_up.value)


async def test_patience_with_a_busy_server_ends(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire, patience=0.5)
    wire.faults.extend(["429"] * 100)
    with pytest.raises(EngineDead, match="is busy: status 429: too much; tried again for"):
        await engine.generate([1], PARAMS)
    wire.faults.clear()
    assert (await engine.generate([1], PARAMS)).ended_turn


async def test_a_request_that_kills_its_servers_is_given_up(wire: WireServer, connect: Connect) -> None:
    wire.faults.extend(["cut"] * 10)
    with pytest.raises(EngineDead, match="was sent 4 times and never answered whole"):
        await connect(wire).generate([1], PARAMS)
    assert len(wire.requests) == 4


async def test_a_router_waits_for_its_replicas(
    wire: WireServer, connect: Connect, right: Completion, monkeypatch: Any
) -> None:
    """No server was at work on the request, so it is not given up as one that kills servers is."""
    monkeypatch.setattr(delivery, "_LONGEST_WAIT", 0.01)
    wire.faults.extend(["away"] * 20)
    assert (await connect(wire).generate([1, 2, 3], PARAMS)).token_ids == right.token_ids
    assert len(wire.requests) == 21
    wire.faults.extend(["500"] * 20)
    with pytest.raises(EngineDead, match="was sent 4 times"):
        await connect(wire).generate([1, 2, 3], PARAMS)


async def test_a_stream_that_hangs(wire: WireServer, connect: Connect, right: Completion, monkeypatch: Any) -> None:
    """A silent server is asked whether it lives: it may only be busy."""
    monkeypatch.setattr(delivery, "_SILENT_SECONDS", 0.3)
    monkeypatch.setattr(delivery, "_HEALTH_SECONDS", 0.3)
    engine = connect(wire)
    wire.faults.append("hangs")
    request = asyncio.create_task(engine.generate([1, 2, 3], PARAMS))
    await asyncio.sleep(1.5)
    assert len(wire.requests) == 1, "it lives: nothing is sent again"
    wire.alive = False
    while len(wire.requests) == 1:
        await asyncio.sleep(0.05)
    wire.alive = True
    assert (await request).token_ids == right.token_ids
    assert wire.left == 1


async def test_a_stream_is_silent_while_another_replica_is_dead(
    wire: WireServer, connect: Connect, right: Completion, monkeypatch: Any
) -> None:
    """A router's health is that of its worst replica: a request that queues at another one is left there for longer."""
    monkeypatch.setattr(delivery, "_SILENT_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "_SILENCES", 10)
    wire.sick = True
    wire.faults.append("hangs")
    request = asyncio.create_task(connect(wire).generate([1, 2, 3], PARAMS))
    while wire.healths < 5:
        await asyncio.sleep(0.02)
    assert len(wire.requests) == 1
    assert (await request).token_ids == right.token_ids, "in the end it is taken for one of the dead replica"
    assert len(wire.requests) == 2


async def test_cancelling_while_a_server_is_gone(wire: WireServer, connect: Connect) -> None:
    engine = connect(wire)
    await engine.start()
    wire.kill()
    request = asyncio.create_task(engine.generate([1], PARAMS))
    await asyncio.sleep(0.5)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert engine.unfinished() == 0


async def test_a_prompt_that_is_cut_is_refused(wire: WireServer, connect: Connect) -> None:
    wire.faults.append("shortens")
    with pytest.raises(EngineError, match="a prompt of 2 tokens that is not the one of 3 tokens"):
        await connect(wire).generate([1, 2, 3], PARAMS)
    assert len(wire.requests) == 1


async def test_an_answer_that_is_capped_is_refused(wire: WireServer, connect: Connect) -> None:
    wire.faults.append("caps")
    with pytest.raises(EngineError, match=r"after 3 tokens, although max_tokens=400.*--generation-config vllm"):
        await connect(wire).generate([1, 2, 3], PARAMS)


async def test_the_end_of_the_context_is_no_cap(serve_wire: ServeWire, connect: Connect) -> None:
    server = serve_wire(ScriptedEngine(lambda *_: "a" * 50, context_length=60))
    done = await connect(server).generate([1] * 40, SamplingParams(max_tokens=20))
    assert (done.finish_reason, len(done.token_ids)) == ("length", 20)
