"""The scripted engine stops, seeds and caches as vLLM does."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from peerleap.engine import Completion, Engine, SamplingParams, ScriptedEngine

PARAMS = SamplingParams(max_tokens=100)


def ask(engine: ScriptedEngine, prompt: str | list[int] = "Hi", params: SamplingParams = PARAMS) -> Completion:
    ids = engine.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    return asyncio.run(engine.generate(ids, params))


def says(text: str, **options: Any) -> ScriptedEngine:
    return ScriptedEngine(lambda _prompt, _params: text, **options)


def test_is_an_engine() -> None:
    assert isinstance(says("x"), Engine)


def test_ends_its_turn_with_the_end_token() -> None:
    engine = says("four")
    done = ask(engine)
    assert done.ended_turn
    assert done.token_ids[-1] == engine.tokenizer.eos_token_id
    assert done.text == "four<|im_end|>" == engine.tokenizer.decode(done.token_ids)


def test_stops_at_the_token_limit() -> None:
    done = ask(says("four"), params=SamplingParams(max_tokens=3))
    assert (done.text, done.finish_reason, done.stop_reason) == ("fou", "length", None)
    assert not done.ended_turn


@pytest.mark.parametrize("stops", [("\n\n",), ("zzz", "\n\n"), ("\n\n", "b\n\n")])
def test_stop_string_stays_in_the_output(stops: tuple[str, ...]) -> None:
    done = ask(says("a b\n\nc"), params=replace(PARAMS, stop=stops))
    assert done.text == "a b\n\n"
    assert done.stop_reason in stops
    assert not done.ended_turn


def test_stop_string_of_several_bytes_a_character() -> None:
    done = ask(says("π ≈ 3 … c"), params=replace(PARAMS, stop=("…",)))
    assert done.text == "π ≈ 3 …"


def test_stop_token() -> None:
    engine = says("so</think>4", thinking=True)
    (end,) = engine.tokenizer.encode("</think>")
    done = ask(engine, params=replace(PARAMS, stop_token_ids=(end,)))
    assert (done.text, done.stop_reason) == ("so</think>", end)


def test_the_script_sees_prompt_and_seed() -> None:
    engine = ScriptedEngine(lambda prompt, params: f"{prompt}{params.seed}")
    assert ask(engine, "Hi", replace(PARAMS, seed=7)).text == "Hi7<|im_end|>"
    assert ask(engine, "Hi", replace(PARAMS, seed=8)).text == "Hi8<|im_end|>"
    assert [params.seed for _, params in engine.requests] == [7, 8]


def test_prefix_cache_counts_whole_blocks() -> None:
    engine = says("x" * 40)
    first = ask(engine, "p" * 50)
    assert first.cached_tokens == 0
    history = engine.tokenizer.encode("p" * 50) + first.token_ids
    assert ask(engine, [*history, *history]).cached_tokens == len(history) // 32 * 32
    assert ask(engine, "p" * 40 + "q" * 40).cached_tokens == 32
    assert ask(engine, "q" + "p" * 80).cached_tokens == 0, "a block is known by all that precedes it"


def test_the_last_prompt_token_is_never_cached() -> None:
    engine = says("x")
    ask(engine, "p" * 64)
    assert ask(engine, "p" * 64).cached_tokens == 32


def test_streams_all_text_and_sums_logprobs_if_asked() -> None:
    engine, told = says("four"), list[str]()
    params = replace(PARAMS, logprobs=True)
    done = asyncio.run(engine.generate([1], params, on_text=told.append))
    assert "".join(told) == done.text
    assert done.logprob is not None
    assert done.logprob < 0
    assert ask(engine).logprob is None


def test_threads_share_it() -> None:
    engine, texts = says("four", tokens_per_second=100), list[str]()
    threads = [threading.Thread(target=lambda: texts.append(ask(engine).text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["four<|im_end|>"] * 8


async def test_log_probabilities_have_the_shape_of_the_real_ones() -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "abc")
    done = {k: await engine.generate([1], SamplingParams(max_tokens=9, logprobs=k)) for k in (None, 0, 20)}
    assert (done[None].logprob, done[None].token_logprobs, done[None].token_confidences) == (None, None, None)
    assert done[0].token_confidences is None
    assert done[0].token_logprobs == done[20].token_logprobs == [-0.1] * len(done[20].token_ids)
    assert done[20].token_confidences == [0.2] * len(done[20].token_ids)
    assert done[20].logprob == sum(done[20].token_logprobs or [])


async def test_sessions_are_recorded() -> None:
    engine = ScriptedEngine(lambda _prompt, _params: "abc")
    await engine.generate([1], SamplingParams(max_tokens=9), session="run/solver_1")
    await engine.generate([1], SamplingParams(max_tokens=9))
    assert engine.sessions == ["run/solver_1", None]
