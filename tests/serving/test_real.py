"""The server in front of the real engine with the shipped miniature."""

import gc
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from peerleap.engine import MINIATURE, VLLMEngine

pytestmark = pytest.mark.slow


@pytest.fixture
def miniature(vllm: None) -> Iterator[VLLMEngine]:
    engine = VLLMEngine(MINIATURE, max_model_len=2048, enforce_eager=True, kv_cache_memory_bytes=2**28)
    yield engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # vLLM leaves its sockets to the collector
        engine.close()
        gc.collect()


@pytest.mark.filterwarnings("ignore")  # vLLM and torch deprecate as they are imported
async def test_a_chain_sum_streams_its_thought_and_the_right_answer(served: Any, miniature: VLLMEngine) -> None:
    messages: Any = [{"role": "user", "content": "What is 215 + 47 - 98 + 366 - 25?"}]
    async with served(engine=miniature) as server:
        await miniature.start()
        stream = await server.client().chat.completions.create(
            model="peerleap", messages=messages, stream=True, seed=0, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        blocks = await server.client().chat.completions.create(
            model="peerleap:rounds=1,interval=40,paths=3", messages=messages, seed=0
        )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thoughts = [delta.reasoning_content for delta in deltas if hasattr(delta, "reasoning_content")]
    assert len(thoughts) > 5  # while it is written
    assert "262" in "".join(thoughts)
    assert "Vote: 505" in "".join(thoughts)
    assert "think>" not in "".join(thoughts)
    assert "".join(delta.content or "" for delta in deltas) == "505"
    assert chunks[-1].usage.leap["requests"] >= 8
    assert blocks.leap["blocks"] == 1
    assert len(blocks.leap["paths"]) == 3
