"""A request on the wire, and what its stream of chunks adds up to."""

import json
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from peerleap.engine.errors import EngineError, RequestRefused
from peerleap.engine.protocol import SamplingParams

# A chunk costs more than its tokens; who listens gets text as often as from an engine in process. Where nobody does,
# chunks only show that the server is at work.
_HEARD, _UNHEARD = 4, 256
_NO_LOGPROB = -9999.0
"""What vLLM writes for minus infinity."""


class Setback(Exception):
    """A request got no whole answer, and may be sent again."""

    def __init__(self, reason: str, *, died: bool = False, gone: bool = False, after: float = 0.0) -> None:
        super().__init__(reason)
        self.died = died
        """It had reached the server, which was at work on it."""
        self.gone = gone
        """The server cannot be reached, or says that it cannot work; else it is merely busy."""
        self.after = after
        """Seconds after which the server wants to be asked again."""


def request_body(prompt: Sequence[int], params: SamplingParams, *, heard: bool) -> dict[str, Any]:
    """The body of `POST /v1/completions`, without the model's name.

    Every sampling field is sent: a server fills in those that are not from the model's `generation_config.json`.

    Args:
        prompt: token ids.
        params: how to sample and when to stop.
        heard: whether somebody reads the text while it is written.
    """
    optional: dict[str, Any] = {}
    if params.logprobs is not None:
        optional |= {"logprobs": params.logprobs, "return_tokens_as_token_ids": True}
    if params.structured_outputs is not None:
        optional["structured_outputs"] = {"json": params.structured_outputs.json}
    return {
        "prompt": list(prompt),
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
        "top_k": params.top_k,
        "min_p": params.min_p,
        "repetition_penalty": params.repetition_penalty,
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        # Engines that draw their own seed may all draw the same.
        "seed": secrets.randbits(62) if params.seed is None else params.seed,
        "stop": list(params.stop),
        "stop_token_ids": list(params.stop_token_ids),
        "n": 1,
        "min_tokens": 0,
        "ignore_eos": False,
        "include_stop_str_in_output": True,
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "add_special_tokens": False,
        "return_token_ids": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stream_interval": _HEARD if heard else _UNHEARD,
        **optional,
    }


async def events(body: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The data of each server-sent event.

    Lines end at line feeds alone: JSON may hold other characters that Unicode takes for the end of a line.
    """
    rest = b""
    async for part in body:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].decode("utf-8", "replace").strip()


@dataclass(slots=True)
class Reply:
    """What a request has generated so far, over all chunks of its stream."""

    prompt: Sequence[int]
    alternatives: int | None
    """The request's `logprobs`."""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    cached_tokens: int | None = None
    """`None` where the server does not report it."""
    counted: bool = False
    """Whether the server's own count of the tokens has come, and is the same."""

    def add(self, data: str) -> str:
        """Take in a chunk; returns its text.

        Raises:
            Setback: the chunk is damaged or reports a failure of the server.
            EngineError: the server has read another prompt than was sent.
        """
        try:
            chunk = json.loads(data)
            if error := chunk.get("error"):
                raise failed(error)
            text = self._choice(chunk["choices"][0]) if chunk.get("choices") else ""
            if usage := chunk.get("usage"):
                self._usage(usage)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise Setback(f"a damaged chunk: {data[:80]!r}", died=True) from error
        return text

    def _choice(self, choice: dict[str, Any]) -> str:
        ids = choice.get("token_ids") or []
        if not set(map(type, ids)) <= {int}:
            raise TypeError("token_ids")
        self._same_prompt(choice.get("prompt_token_ids"))
        self.token_ids += ids
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        if choice.get("stop_reason") is not None:
            self.stop_reason = choice["stop_reason"]
        if self.alternatives is not None and ids:
            scores = choice["logprobs"]
            self.logprobs += [_NO_LOGPROB if value is None else float(value) for value in scores["token_logprobs"]]
            if self.alternatives:
                self.confidences += [_confidence(place or {}, self.alternatives) for place in scores["top_logprobs"]]
            if len(self.logprobs) != len(self.token_ids):
                raise ValueError("logprobs")
        return str(choice.get("text") or "")

    def _same_prompt(self, read: Any) -> None:
        if read is not None and read != self.prompt:
            raise EngineError(
                f"the server has read a prompt of {len(read)} tokens that is not the one of {len(self.prompt)} tokens "
                "that was sent: does something in between cut or rewrite prompts?"
            )

    def _usage(self, usage: dict[str, Any]) -> None:
        if usage["prompt_tokens"] != len(self.prompt):
            raise EngineError(
                f"the server counts {usage['prompt_tokens']} tokens in a prompt of {len(self.prompt)}: "
                "does something in between cut or rewrite prompts?"
            )
        if usage["completion_tokens"] != len(self.token_ids):
            lost = f"{len(self.token_ids)} of {usage['completion_tokens']} tokens have arrived"
            raise Setback(lost, died=True)
        details = usage.get("prompt_tokens_details")
        self.cached_tokens = None if details is None else int(details.get("cached_tokens") or 0)
        self.counted = True

    def check_whole(self) -> None:
        """Refuse a reply whose stream has ended early.

        Raises:
            Setback: the end is missing.
        """
        if self.finish_reason is None:
            raise Setback("its stream has ended early", died=True)
        if not self.counted:
            raise Setback("its stream has no count of tokens at the end (`stream_options`)", died=True)


def failed(error: Any) -> Exception:
    """The failure that a server reports inside a stream."""
    code = error.get("code") if isinstance(error, dict) else None
    message = one_line(str(error.get("message") if isinstance(error, dict) else error))
    if isinstance(code, int) and 400 <= code < 500 and code != 429:
        return RequestRefused(f"the server has ended a request: {message}")
    return Setback(f"the server failed: {message}", died=True)


def one_line(text: str) -> str:
    """A server's words, short and on one line."""
    return " ".join(text.split())[:300]


def _confidence(place: dict[str, float], k: int) -> float:
    # The sampled token is among them, too; where it is none of the `k` likeliest, it comes last.
    likeliest = sorted((float(value) for value in place.values() if value > _NO_LOGPROB), reverse=True)[:k]
    return -math.fsum(likeliest) / len(likeliest) if likeliest else 0.0
