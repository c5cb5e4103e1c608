"""What holds for every engine: the scripted one, and one behind vLLM's wire."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from peerleap.engine import Completion, Engine, SamplingParams, ScriptedEngine, ServerEngine

PARAMS = SamplingParams(max_tokens=100, seed=1)
Says = Callable[..., Any]


@pytest.fixture(params=["scripted", "server"])
def says(request: pytest.FixtureRequest) -> Iterator[Says]:
    """Make an engine whose model says something."""
    servers = list[ServerEngine]()

    def make(text: str | Callable[..., str], **options: Any) -> Any:
        engine = ScriptedEngine(text if callable(text) else lambda _prompt, _params: text, **options)
        if request.param == "scripted":
            return engine
        servers.append(ServerEngine(request.getfixturevalue("serve_wire")(engine).url))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def ask(engine: Engine, prompt: str | list[int] = "Hi", params: SamplingParams = PARAMS) -> Completion:
    ids = engine.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt
    return asyncio.run(engine.generate(ids, params))


def test_is_an_engine(says: Says) -> None:
    assert isinstance(says("x"), Engine)


def test_ends_its_turn_with_the_end_token(says: Says) -> None:
    engine = says("four")
    done = ask(engine)
    assert done.ended_turn
    assert done.token_ids[-1] == engine.tokenizer.eos_token_id
    assert done.text == "four<|im_end|>" == engine.tokenizer.decode(done.token_ids)


def test_stops_at_the_token_limit(says: Says) -> None:
    done = ask(says("four"), params=SamplingParams(max_tokens=3))
    assert (done.text, done.finish_reason, done.stop_reason) == ("fou", "length", None)
    assert not done.ended_turn


@pytest.mark.parametrize("stops", [("\n\n",), ("zzz", "\n\n"), ("\n\n", "b\n\n")])
def test_stop_string_stays_in_the_output(says: Says, stops: tuple[str, ...]) -> None:
    done = ask(says("a b\n\nc"), params=replace(PARAMS, stop=stops))
    assert done.text == "a b\n\n"
    assert done.stop_reason in stops
    assert not done.ended_turn


def test_stop_string_of_several_bytes_a_character(says: Says) -> None:
    done = ask(says("π ≈ 3 … c"), params=replace(PARAMS, stop=("…",)))
    assert done.text == "π ≈ 3 …"


def test_stop_token(says: Says) -> None:
    engine = says("so</think>4", thinking=True)
    (end,) = engine.tokenizer.encode("</think>")
    done = ask(engine, params=replace(PARAMS, stop_token_ids=(end,)))
    assert (done.text, done.stop_reason) == ("so</think>", end)


def test_the_script_sees_prompt_and_seed(says: Says) -> None:
    engine = says(lambda prompt, params: f"{prompt}{params.seed}")
    assert ask(engine, "Hi", replace(PARAMS, seed=7)).text == "Hi7<|im_end|>"
    assert ask(engine, "Hi", replace(PARAMS, seed=8)).text == "Hi8<|im_end|>"


def test_prefix_cache_counts_whole_blocks(says: Says) -> None:
    engine = says("x" * 40)
    first = ask(engine, "p" * 50)
    assert first.cached_tokens == 0
    history = engine.tokenizer.encode("p" * 50) + first.token_ids
    assert ask(engine, [*history, *history]).cached_tokens == len(history) // 32 * 32
    assert ask(engine, "p" * 40 + "q" * 40).cached_tokens == 32
    assert ask(engine, "q" + "p" * 80).cached_tokens == 0, "a block is known by all that precedes it"


def test_the_last_prompt_token_is_never_cached(says: Says) -> None:
    engine = says("x")
    ask(engine, "p" * 64)
    assert ask(engine, "p" * 64).cached_tokens == 32


def test_streams_all_text_and_sums_logprobs_if_asked(says: Says) -> None:
    engine, told = says("four"), list[str]()
    params = replace(PARAMS, logprobs=1)
    done = asyncio.run(engine.generate([1], params, on_text=told.append))
    assert "".join(told) == done.text
    assert done.logprob is not None
    assert done.logprob < 0
    assert ask(engine).logprob is None


def test_threads_share_it(says: Says) -> None:
    engine, texts = says("four", tokens_per_second=100), list[str]()
    threads = [threading.Thread(target=lambda: texts.append(ask(engine).text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["four<|im_end|>"] * 8
