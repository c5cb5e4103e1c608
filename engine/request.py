"""One request in vLLM's terms: its sampling parameters, and what its outputs add up to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peerleap.engine.protocol import OnText, SamplingParams

_STREAM_TOKENS = 4


def vllm_params(params: SamplingParams, *, stream: bool) -> Any:
    """VLLM's `SamplingParams` for a request.

    Args:
        params: the request's parameters.
        stream: report new tokens every few tokens instead of all of them at the end.
    """
    from vllm import SamplingParams as VLLMSamplingParams
    from vllm.sampling_params import RequestOutputKind

    return VLLMSamplingParams(
        max_tokens=params.max_tokens,
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=params.top_k,
        min_p=params.min_p,
        repetition_penalty=params.repetition_penalty,
        presence_penalty=params.presence_penalty,
        frequency_penalty=params.frequency_penalty,
        seed=params.seed,
        stop=list(params.stop),
        stop_token_ids=list(params.stop_token_ids),
        logprobs=params.logprobs,
        flat_logprobs=params.logprobs is not None,
        include_stop_str_in_output=True,
        skip_special_tokens=False,
        spaces_between_special_tokens=False,
        output_kind=RequestOutputKind.DELTA if stream else RequestOutputKind.FINAL_ONLY,
        stream_interval=_STREAM_TOKENS if stream else None,
    )


@dataclass(slots=True)
class Generated:
    """What a request has generated so far, over all of vLLM's outputs for it."""

    alternatives: int | None
    """The request's `logprobs`."""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    last: Any = None
    """vLLM's last `RequestOutput`."""

    def add(self, output: Any) -> None:
        """Take in one `RequestOutput`, which holds only what is new since the one before it."""
        self.last, new = output, output.outputs[0]
        self.token_ids += new.token_ids
        if self.alternatives is None:
            return
        for place in new.logprobs or ():
            self.logprobs.append(next(iter(place.values())).logprob)  # vLLM puts the sampled token first
            if self.alternatives:
                self.confidences.append(_confidence(place, self.alternatives))


def _confidence(place: Mapping[int, Any], k: int) -> float:
    # Where vLLM reports log-probabilities after top-k and top-p, those of excluded tokens are minus infinity.
    likeliest = [entry.logprob for entry in place.values() if entry.rank <= k and math.isfinite(entry.logprob)]
    return -math.fsum(likeliest) / len(likeliest) if likeliest else 0.0


class Replayed:
    """Passes on the text of a request that may be replayed, without what an earlier life has passed on."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._passed = 0

    def next_life(self) -> OnText:
        """A receiver for the request's next run, which begins anew."""
        position = 0

        def on_text(text: str) -> None:
            nonlocal position
            new = text[max(0, self._passed - position) :]
            position += len(text)
            self._passed = max(self._passed, position)
            if new:
                self._on_text(new)

        return on_text
