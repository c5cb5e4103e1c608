"""Log-probabilities and confidences of a request, whichever way vLLM splits its outputs."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from peerleap.engine.request import Generated

MINUS_INFINITY = float("-inf")


def place(sampled: tuple[int, float, int], *likeliest: tuple[int, float]) -> dict[int, Any]:
    """What vLLM reports at one place: the sampled token, then the likeliest ones by rank."""
    token, logprob, rank = sampled
    entries = {token: SimpleNamespace(logprob=logprob, rank=rank)}
    for number, (other, value) in enumerate(likeliest, start=1):
        entries[other] = SimpleNamespace(logprob=value, rank=number)
    return entries


def output(ids: list[int], places: list[dict[int, Any]] | None) -> Any:
    return SimpleNamespace(outputs=[SimpleNamespace(token_ids=ids, logprobs=places)])


PLACES = [
    place((7, -3.0, 9), (1, -0.5), (2, -1.5)),  # an unlikely token was sampled
    place((1, -0.25, 1), (1, -0.25), (2, -1.75)),  # the likeliest one was
]


@pytest.mark.parametrize("split", [[2], [1, 1], [0, 1, 0, 1]])
def test_every_token_has_its_logprob_and_its_confidence(split: list[int]) -> None:
    generated, start = Generated(2), 0
    for count in split:
        generated.add(output([7, 1][start : start + count], PLACES[start : start + count]))
        start += count
    assert generated.token_ids == [7, 1]
    assert generated.logprobs == [-3.0, -0.25]
    assert generated.confidences == [1.0, 1.0]


def test_zero_alternatives_report_the_sampled_token_only() -> None:
    generated = Generated(0)
    generated.add(output([7], [place((7, -3.0, 9))]))
    assert (generated.logprobs, generated.confidences) == ([-3.0], [])


def test_without_logprobs_none_are_read() -> None:
    generated = Generated(None)
    generated.add(output([7], None))
    assert (generated.token_ids, generated.logprobs, generated.confidences) == ([7], [], [])


def test_excluded_tokens_leave_the_confidence_finite() -> None:
    generated = Generated(3)
    generated.add(output([1], [place((1, -0.5, 1), (1, -0.5), (2, -1.5), (3, MINUS_INFINITY))]))
    assert generated.confidences == [1.0]
    assert all(map(math.isfinite, generated.confidences))
