"""One request in vLLM's terms: its sampling parameters, what its outputs add up to, and the completion they make."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from peerleap.engine.chat import decode, turn_end
from peerleap.engine.errors import EngineError
from peerleap.engine.protocol import Completion, OnText, SamplingParams

_STREAM_TOKENS = 4


def vllm_params(params: SamplingParams, *, stream: bool) -> Any:
    """VLLM's `SamplingParams` for a request.

    Args:
        params: the request's parameters.
        stream: report new tokens every few tokens instead of all of them at the end.
    """
    from vllm import SamplingParams as VLLMSamplingParams
    from vllm.sampling_params import RequestOutputKind
    from vllm.sampling_params import StructuredOutputsParams as VLLMStructuredOutputsParams

    constraint = params.structured_outputs
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
        structured_outputs=None if constraint is None else VLLMStructuredOutputsParams(json=constraint.json),
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


def completion(
    tokenizer: Any,
    params: SamplingParams,
    token_ids: list[int],
    *,
    finish_reason: str | None,
    stop_reason: str | int | None,
    prompt_tokens: int,
    cached_tokens: int,
    logprobs: list[float],
    confidences: list[float],
) -> Completion:
    """What a request generated, given what vLLM says of it.

    Args:
        tokenizer: the model's tokenizer.
        params: the request's parameters, without the end of the turn that was added to its stops.
        token_ids: what was generated.
        finish_reason: vLLM's.
        stop_reason: vLLM's; `None` for the tokenizer's end-of-text token.
        prompt_tokens: length of the prompt.
        cached_tokens: how much of it came from the prefix cache.
        logprobs: log-probability of each generated token; not looked at unless they were requested.
        confidences: their confidences; likewise.

    Raises:
        EngineError: the request was ended for another reason than a stop or its length.
    """
    text = decode(tokenizer, token_ids)
    if finish_reason not in {"stop", "length"}:
        raise EngineError(f"vLLM ended a request with {finish_reason!r}: {text[-200:]!r}")
    finish: Literal["stop", "length"] = "stop" if finish_reason == "stop" else "length"
    # A model's generation config may list further tokens that end its turn, and vLLM names those it stopped at.
    listed = stop_reason in (*params.stop, *params.stop_token_ids)
    end = turn_end(tokenizer)
    spelt = stop_reason is not None and stop_reason == end.text and not listed
    return Completion(
        token_ids=token_ids,
        text=text,
        end_tokens=end.tail(tokenizer, token_ids) if spelt else 1,
        finish_reason=finish,
        stop_reason=stop_reason if listed else None,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        token_logprobs=None if params.logprobs is None else logprobs,
        token_confidences=confidences if params.logprobs else None,
    )


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
