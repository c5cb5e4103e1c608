"""Chunks of real vLLM streams, and those that are no such thing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from peerleap.engine import EngineError, RequestRefused
from peerleap.engine.server.wire import Reply, Setback, events

# From vLLM 0.32: two alternatives; the last token sampled is none of the two.
LOGPROBS: dict[str, Any] = {
    "token_logprobs": [-0.972, -2.643],
    "top_logprobs": [
        {"token_id:305": -0.972, "token_id:343": -0.574},
        {"token_id:21": -2.643, "token_id:19": -0.749, "token_id:20": -1.083},
    ],
}
CHUNK: dict[str, Any] = {
    "choices": [{"index": 0, "text": "c6", "token_ids": [305, 21], "finish_reason": "length", "logprobs": LOGPROBS}]
}


async def lines(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_events_end_at_line_feeds_alone() -> None:
    text = 'data: {"a": "x\u2028y\x85z"}\n\ndata:[DONE]\r\n: still here\n\nid: 4\n'.encode()
    for size in (1, 7, len(text)):
        parts = (text[begin : begin + size] for begin in range(0, len(text), size))
        assert [data async for data in events(lines(*parts))] == ['{"a": "x\u2028y\x85z"}', "[DONE]"]


def test_confidence_is_that_of_the_likeliest() -> None:
    reply = Reply([1], 2)
    assert reply.add(json.dumps(CHUNK)) == "c6"
    assert reply.token_ids == [305, 21]
    assert reply.logprobs == [-0.972, -2.643]
    assert reply.confidences == pytest.approx([(0.972 + 0.574) / 2, (0.749 + 1.083) / 2])


def test_tokens_that_were_cut_off_count_for_no_confidence() -> None:
    chunk = json.loads(json.dumps(CHUNK))
    chunk["choices"][0]["logprobs"]["top_logprobs"][0] = {"token_id:305": -0.5, "token_id:343": -9999.0}
    chunk["choices"][0]["logprobs"]["top_logprobs"][1] = None
    reply = Reply([1], 2)
    reply.add(json.dumps(chunk))
    assert reply.confidences == [0.5, 0.0]


@pytest.mark.parametrize(
    "data",
    [
        "", "[]", "null", "7", '{"choices": 3}', '{"choices": [7]}', '{"choices": [{"token_ids": ["a"]}]}',
        '{"choices": [{"token_ids": [1]}]}', ('{"choices": [{"token_ids": [1, 2], "logprobs": {"token_logprobs": [0], '
        '"top_logprobs": [{}]}}]}'), '{"usage": {"prompt_tokens": 1}}', '{"choices": [{"token_ids": [true]}]}',
    ],
)  # fmt: skip
def test_a_damaged_chunk_costs_the_request_a_life(data: str) -> None:
    with pytest.raises(Setback) as setback:
        Reply([1], 2).add(data)
    assert setback.value.died


def test_failures_inside_a_stream() -> None:
    with pytest.raises(Setback, match="EngineCore died"):
        Reply([1], None).add('{"error": {"message": "EngineCore died", "code": 500}}')
    with pytest.raises(RequestRefused, match="too long"):
        Reply([1], None).add('{"error": {"message": "too\\n long", "code": 400}}')
    with pytest.raises(Setback, match="words"):
        Reply([1], None).add('{"error": "words"}')


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "ended early"),
        ([{"choices": [{"token_ids": [1]}]}], "ended early"),
        ([{"choices": [{"token_ids": [1], "finish_reason": "stop"}]}], "no count of tokens"),
    ],
)
def test_a_stream_that_is_not_whole(chunks: list[Any], words: str) -> None:
    reply = Reply([1], None)
    for chunk in chunks:
        reply.add(json.dumps(chunk))
    with pytest.raises(Setback, match=words):
        reply.check_whole()


def test_counts_that_differ() -> None:
    with pytest.raises(EngineError, match="counts 2 tokens in a prompt of 1"):
        Reply([1], None).add('{"usage": {"prompt_tokens": 2, "completion_tokens": 0}}')
    with pytest.raises(Setback, match="0 of 3 tokens have arrived"):
        Reply([1], None).add('{"usage": {"prompt_tokens": 1, "completion_tokens": 3}}')
