"""One request at a time, and many at once, on a real model in a real vLLM."""

import asyncio
import threading
from typing import Any

import pytest

from peerleap.engine import Completion, RequestRefused, SamplingParams, VLLMEngine

pytestmark = pytest.mark.slow

TEXT = "Counting up: one, two, three, four, five, six, seven, eight, nine, ten. Once more: one, two, three,"
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 12}


def ask(engine: VLLMEngine, text: str = TEXT, **fields: Any) -> Completion:
    return asyncio.run(engine.generate(engine.tokenizer.encode(text), SamplingParams(**{**GREEDY, **fields})))


@pytest.fixture(scope="module")
def plain(real_engine: VLLMEngine) -> Completion:
    return ask(real_engine)


def test_text_is_the_decoded_ids(real_engine: VLLMEngine, plain: Completion) -> None:
    assert plain.text == real_engine.tokenizer.decode(plain.token_ids)
    assert (len(plain.token_ids), plain.finish_reason, plain.stop_reason) == (12, "length", None)
    assert plain.prompt_tokens == len(real_engine.tokenizer.encode(TEXT))
    assert plain.logprob is None


def test_streamed_text_is_the_text(real_engine: VLLMEngine, plain: Completion) -> None:
    told = list[str]()

    async def stream() -> Completion:
        thread = threading.get_ident()

        def on_text(text: str) -> None:
            assert threading.get_ident() == thread, "on the caller's loop"
            told.append(text)

        ids = real_engine.tokenizer.encode(TEXT)
        return await real_engine.generate(ids, SamplingParams(**GREEDY), on_text=on_text)

    done = asyncio.run(stream())
    assert done.token_ids == plain.token_ids
    assert "".join(told) == done.text
    assert len(told) > 1


def test_stop_string_stays_in_the_output(real_engine: VLLMEngine, plain: Completion) -> None:
    stop = next(letter for letter in plain.text[3:] if letter.strip() and letter not in plain.text[:3])
    done = ask(real_engine, stop=(stop, "nothing of the kind"))
    assert done.stop_reason == stop
    assert not done.ended_turn
    assert done.token_ids == plain.token_ids[: len(done.token_ids)]
    assert stop in real_engine.tokenizer.decode(done.token_ids)
    assert stop not in real_engine.tokenizer.decode(done.token_ids[:-1])


def test_stop_token_stays_in_the_output(real_engine: VLLMEngine, plain: Completion) -> None:
    stop = plain.token_ids[3]
    done = ask(real_engine, stop_token_ids=(stop,))
    assert done.token_ids == plain.token_ids[: plain.token_ids.index(stop) + 1]
    assert (done.finish_reason, done.stop_reason) == ("stop", stop)


def test_end_of_turn(real_engine: VLLMEngine) -> None:
    prompt = real_engine.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Say hi."}], add_generation_prompt=True, tokenize=False
    )
    done = ask(real_engine, prompt, max_tokens=64)
    assert done.ended_turn
    assert done.token_ids[-1] == real_engine.tokenizer.eos_token_id
    assert done.text.endswith(real_engine.tokenizer.eos_token)


def test_more_prompts_than_a_step_has_room_for(real_engine: VLLMEngine) -> None:
    """vLLM on a CPU dies of a seeded request whose prompt it cuts."""
    prompts = [real_engine.tokenizer.encode(f"{number} " + TEXT * 16) for number in range(24)]
    assert sum(map(len, prompts)) > 9000

    async def all_at_once() -> list[Completion]:
        asked = (SamplingParams(max_tokens=2, seed=number) for number in range(len(prompts)))
        return await asyncio.gather(*map(real_engine.generate, prompts, asked))

    assert [done.prompt_tokens for done in asyncio.run(all_at_once())] == [len(prompt) for prompt in prompts]


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_and_confidences_change_nothing(real_engine: VLLMEngine, plain: Completion, stream: bool) -> None:
    ids, params = real_engine.tokenizer.encode(TEXT), SamplingParams(**GREEDY, logprobs=5)
    on_text = (lambda _text: None) if stream else None
    done = asyncio.run(real_engine.generate(ids, params, on_text=on_text))
    assert done.token_ids == plain.token_ids
    assert done.logprob is not None
    assert done.token_logprobs is not None
    assert done.token_confidences is not None
    assert len(done.token_logprobs) == len(done.token_confidences) == len(done.token_ids)
    assert done.logprob == pytest.approx(sum(done.token_logprobs))
    for logprob, confidence in zip(done.token_logprobs, done.token_confidences, strict=True):
        assert logprob <= 0, "greedy: the likeliest token, whose log-probability is above the mean of the five"
        assert -logprob < confidence < 50


def test_the_sampled_token_alone_has_no_confidence(real_engine: VLLMEngine) -> None:
    done = ask(real_engine, logprobs=0)
    assert done.token_logprobs is not None
    assert done.token_confidences is None


def test_continuation_is_cached(real_engine: VLLMEngine, plain: Completion) -> None:
    prompt = real_engine.tokenizer.encode(TEXT) + plain.token_ids
    done = asyncio.run(real_engine.generate(prompt, SamplingParams(**GREEDY)))
    assert len(prompt) - 32 <= done.cached_tokens + 1 <= len(prompt)


def test_seed(real_engine: VLLMEngine) -> None:
    sampled: dict[str, Any] = {"temperature": 1.0, "max_tokens": 16}
    first, again = ask(real_engine, seed=1, **sampled), ask(real_engine, seed=1, **sampled)
    assert first.token_ids == again.token_ids != ask(real_engine, seed=2, **sampled).token_ids


def test_loops_and_threads_at_once(real_engine: VLLMEngine, plain: Completion) -> None:
    got = list[list[int]]()

    def sync_caller() -> None:
        got.append(ask(real_engine).token_ids)

    def async_caller() -> None:
        async def both() -> list[Completion]:
            ids = real_engine.tokenizer.encode(TEXT)
            return await asyncio.gather(*(real_engine.generate(ids, SamplingParams(**GREEDY)) for _ in range(3)))

        got.extend(done.token_ids for done in asyncio.run(both()))

    threads = [threading.Thread(target=target) for target in (sync_caller, async_caller) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [plain.token_ids] * 8


def test_cancelling_aborts_the_request(real_engine: VLLMEngine, wait_until: Any) -> None:
    async def cancel() -> None:
        ids = real_engine.tokenizer.encode("Once upon a time")
        begun = asyncio.Event()
        params = SamplingParams(max_tokens=3000, temperature=1, seed=0)
        tasks = [
            asyncio.create_task(real_engine.generate(ids, params, on_text=lambda _: begun.set())) for _ in range(3)
        ]
        await begun.wait()
        assert real_engine.unfinished() == 3
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)

    asyncio.run(cancel())
    wait_until(lambda: real_engine.unfinished() == 0, 30)
    assert ask(real_engine).token_ids, "the engine goes on"


def test_a_timeout_aborts_the_request(real_engine: VLLMEngine, wait_until: Any) -> None:
    async def hurry() -> None:
        ids = real_engine.tokenizer.encode("Once upon a time")
        async with asyncio.timeout(0.05):
            await real_engine.generate(ids, SamplingParams(max_tokens=3000, seed=0))

    with pytest.raises(TimeoutError):
        asyncio.run(hurry())
    wait_until(lambda: real_engine.unfinished() == 0, 30)


@pytest.mark.parametrize(
    ("prompt", "fields", "told"),
    [
        ([1] * 4097, {}, "4097 tokens"),
        ([1], {"max_tokens": 0}, "max_tokens"),
        ([1], {"temperature": -1}, "temperature"),
        ([], {}, "0 tokens"),
    ],
)
def test_refused_request_disturbs_nobody(
    real_engine: VLLMEngine, plain: Completion, prompt: list[int], fields: dict[str, Any], told: str
) -> None:
    async def both() -> tuple[Any, Any]:
        bad = real_engine.generate(prompt, SamplingParams(**{**GREEDY, **fields}))
        good = real_engine.generate(real_engine.tokenizer.encode(TEXT), SamplingParams(**GREEDY))
        return await asyncio.gather(bad, good, return_exceptions=True)

    bad, good = asyncio.run(both())
    assert isinstance(bad, RequestRefused)
    assert told in str(bad)
    assert "\n" not in str(bad)
    assert good.token_ids == plain.token_ids
    assert real_engine.unfinished() == 0
