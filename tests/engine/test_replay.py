"""What a dead engine costs its callers: one restart, no repeated text, never a hang. vLLM is a fake here."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from peerleap.engine import (
    EngineDead,
    EngineError,
    EngineStartError,
    SamplingParams,
    StartProgress,
    VLLMEngine,
    watch_starts,
)
from peerleap.engine import llm_thread as core_module
from peerleap.engine import vllm_engine as engine_module
from peerleap.engine.core_process import CoreProcess

PARAMS = SamplingParams(max_tokens=4)
Life = Callable[[Any], Any]


class EngineDeadError(Exception):
    """Stands for vLLM's."""


class FakeLLM:
    """A vLLM that lives as it is told: an async generator of texts, or of a death."""

    def __init__(self, life: Life) -> None:
        self.ranks = list[int | None]()
        """The data-parallel rank of every request."""
        self._life = life
        self.shut_down = False

    def generate(self, *_args: Any, data_parallel_rank: int | None = None, **_named: Any) -> Any:
        self.ranks.append(data_parallel_rank)
        return self._life(self)

    def shutdown(self, timeout: float) -> None:
        self.shut_down = True


def output(text: str, finish_reason: str = "length", stop_reason: str | int | None = None) -> Any:
    ids = [ord(c) for c in text]
    said = SimpleNamespace(token_ids=ids, text=text, finish_reason=finish_reason, stop_reason=stop_reason)
    return SimpleNamespace(outputs=[said], prompt_token_ids=[1], num_cached_tokens=0)


async def says(*texts: str) -> Any:
    for text in texts:
        yield output(text)


async def dies(*texts: str) -> Any:
    for text in texts:
        yield output(text)
    raise EngineDeadError


async def hangs() -> Any:
    await asyncio.sleep(600)
    yield output("never")


@pytest.fixture(autouse=True)
def fake_vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("vllm", "vllm.exceptions", "vllm.v1", "vllm.v1.engine", "vllm.v1.engine.exceptions"):
        module = ModuleType(name)
        module.__dict__.update(
            TokensPrompt=lambda prompt_token_ids: prompt_token_ids,
            VLLMClientError=type("VLLMClientError", (Exception,), {}),
            EngineDeadError=EngineDeadError,
        )
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(core_module, "vllm_params", lambda params, stream: params)
    monkeypatch.setattr(CoreProcess, "suits", lambda *_: False)
    monkeypatch.setattr(engine_module, "vllm_device", lambda: "cpu")
    monkeypatch.setattr(engine_module, "set_environment", lambda device: None)
    monkeypatch.setenv("PEERLEAP_CACHE", str(tmp_path / "cache"))


Make = Callable[..., tuple[VLLMEngine, list[FakeLLM]]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Make]:
    made = list[VLLMEngine]()

    def engine_of(*lives: Life, **engine_args: Any) -> tuple[VLLMEngine, list[FakeLLM]]:
        started = list[FakeLLM]()

        def start(_device: Any, _arguments: Any, starting: Any, *_: Any) -> tuple[FakeLLM, None]:
            starting.processes_follow()
            started.append(FakeLLM(lives[len(started)]))
            return started[-1], None

        monkeypatch.setattr(core_module, "_make", start)
        for name in ("model.safetensors", "tokenizer.json"):
            (tmp_path / name).touch()
        (tmp_path / "config.json").write_text('{"max_position_embeddings": 64}')
        engine = VLLMEngine(str(tmp_path), **engine_args)
        backend = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(map(chr, ids)))
        engine.__dict__["_loaded"] = type("Letters", (), {"backend_tokenizer": backend, "chat_template": None})(), None
        made.append(engine)
        return engine, started

    yield engine_of
    for engine in made:
        engine.close()


async def test_request_is_replayed_and_says_nothing_twice(make: Make) -> None:
    engine, started = make(lambda _: dies("ab", "c"), lambda _: says("a", "bcd", "e"))
    told = list[str]()
    done = await engine.generate([1], PARAMS, on_text=told.append)
    assert done.text == "abcde"
    assert "".join(told) == "abcde"
    assert told == ["ab", "c", "d", "e"]
    assert len(started) == 2


async def test_a_session_stays_on_its_replica(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerleap.engine.arguments.known_arguments", frozenset)  # read from the real vLLM
    engine, started = make(lambda _: says("ok"), data_parallel_size=2)
    for session in ("a", "b", "c", "b", "a", None):
        await engine.generate([1], PARAMS, session=session)
    assert started[0].ranks == [0, 1, 0, 1, 0, None]
    await engine.finish_sessions(["a", "c"])
    await engine.generate([1], PARAMS, session="d")
    assert started[0].ranks[-1] == 0
    one, lives = make(lambda _: says("ok"))
    await one.generate([1], PARAMS, session="a")
    assert lives[0].ranks == [None], "one replica only"


@pytest.mark.parametrize(
    ("stop_reason", "told", "ended"), [(None, None, True), (7, None, True), (8, 8, False), ("END", "END", False)]
)
async def test_every_token_of_the_models_generation_config_ends_its_turn(
    make: Make, stop_reason: Any, told: Any, ended: bool
) -> None:
    """vLLM gives no reason for the tokenizer's own end-of-turn token, but names the others."""

    async def stops(_: Any) -> Any:
        yield output("ab", "stop", stop_reason)

    engine, _ = make(stops)
    done = await engine.generate([1], SamplingParams(max_tokens=4, stop=("END",), stop_token_ids=(8,)))
    assert (done.stop_reason, done.ended_turn) == (told, ended)


async def test_two_deaths_are_the_end_of_the_request_not_of_the_engine(make: Make) -> None:
    engine, started = make(lambda _: dies(), lambda _: dies(), lambda _: says("ok"))
    with pytest.raises(EngineDead, match="died, was restarted, and died again"):
        await engine.generate([1], PARAMS)
    assert (await engine.generate([1], PARAMS)).text == "ok"
    assert len(started) == 3


async def test_many_requests_restart_a_dead_engine_once(make: Make) -> None:
    engine, started = make(lambda _: dies("x"), lambda _: says("ok"))
    results = await asyncio.gather(*(engine.generate([1], PARAMS) for _ in range(50)))
    assert {done.text for done in results} == {"ok"}
    assert len(started) == 2


async def test_request_that_the_dead_engine_never_answers_is_replayed(make: Make) -> None:
    """One request sees the death and buries the engine; the others must not wait for an answer from the grave."""
    lives = iter([hangs(), hangs(), dies()])
    engine, started = make(lambda _: next(lives), lambda _: says("ok"))
    results = await asyncio.wait_for(asyncio.gather(*(engine.generate([1], PARAMS) for _ in range(3))), 30)
    assert [done.text for done in results] == ["ok"] * 3
    assert len(started) == 2


async def test_closing_under_a_request_is_told_as_an_error(make: Make) -> None:
    engine, started = make(lambda _: hangs())
    request = asyncio.create_task(engine.generate([1], PARAMS))
    while not started:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(engine.close)
    with pytest.raises(EngineError, match="was closed"):
        await asyncio.wait_for(request, 30)
    assert started[0].shut_down


async def test_cancelling_is_not_mistaken_for_a_death(make: Make) -> None:
    engine, started = make(lambda _: hangs())
    request = asyncio.create_task(engine.generate([1], PARAMS))
    while not started:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert len(started) == 1


async def test_failed_start_is_told_and_tried_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = make(lambda _: says("ok"))
    start = core_module._make

    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory\nand a long story")

    monkeypatch.setattr(core_module, "_make", fail)
    with pytest.raises(EngineStartError, match=r"^vLLM did not start: RuntimeError: no memory$"):
        await engine.generate([1], PARAMS)
    monkeypatch.setattr(core_module, "_make", start)
    assert (await engine.generate([1], PARAMS)).text == "ok"


async def test_closing_calls_a_start_off(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing does not wait for imports, and no process is made after them."""
    engine, started = make()
    importing, go_on = threading.Event(), threading.Event()

    def start(_device: Any, _arguments: Any, starting: Any, *_: Any) -> Any:
        importing.set()
        go_on.wait(30)
        starting.processes_follow()
        raise AssertionError("went on to make a process")

    monkeypatch.setattr(core_module, "_make", start)
    request = asyncio.create_task(engine.generate([1], PARAMS))
    await asyncio.to_thread(importing.wait, 30)
    begun = time.monotonic()
    await asyncio.to_thread(engine.close)
    assert time.monotonic() - begun < 10
    go_on.set()
    with pytest.raises(EngineStartError, match="closed while it started"):
        await asyncio.wait_for(request, 30)
    assert started == []


async def test_closing_ends_the_processes_of_a_start(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    engine, _ = make()
    processes = list[Any]()

    def start(_device: Any, _arguments: Any, starting: Any, *_: Any) -> Any:
        starting.processes_follow()
        with subprocess.Popen(["sleep", "600"]) as process:
            processes.append(process)
            process.wait()
        raise RuntimeError("its process died")

    monkeypatch.setattr(core_module, "_make", start)
    request = asyncio.create_task(engine.generate([1], PARAMS))
    while not processes:
        await asyncio.sleep(0.01)
    await asyncio.wait_for(asyncio.to_thread(engine.close), 30)
    with pytest.raises(EngineStartError, match="its process died"):
        await request
    assert processes[0].returncode == -15


async def test_a_start_is_announced_with_what_it_took_the_last_time(make: Make) -> None:
    seen = list[StartProgress]()
    engine, _ = make(lambda _: dies(), lambda _: says("ok"))
    with watch_starts(seen.append):
        await engine.generate([1], PARAMS)
    assert [progress.phase for progress in seen] == ["importing vLLM", "ready"] * 2, "the restart is one, too"
    assert seen[0].last_seconds is None
    assert seen[2].last_seconds == pytest.approx(seen[1].seconds, abs=0.1)
    assert "once per process" in seen[0].text
    assert "the last time here" in seen[2].text
    assert all(progress.model == engine.model for progress in seen)


async def test_a_failed_start_is_announced(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = make()
    seen = list[StartProgress]()

    def fail(*_: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr(core_module, "_make", fail)
    with watch_starts(seen.append), pytest.raises(EngineStartError):
        await engine.start()
    assert [progress.phase for progress in seen] == ["importing vLLM", "failed"]


async def test_a_listener_that_fails_does_not_stop_the_start(make: Make) -> None:
    def fails(_: StartProgress) -> None:
        raise RuntimeError("no terminal")

    engine, _ = make(lambda _: says("ok"))
    with watch_starts(fails):
        assert (await engine.generate([1], PARAMS)).text == "ok"
