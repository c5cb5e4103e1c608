"""A run as OpenAI's objects: a completion, or the chunks of a stream."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from peerleap.graph.chat import Piece, cut_at, finish_reason, leap_fields
from peerleap.serving.model_names import NAME

DONE = "data: [DONE]\n\n"
KEEP_ALIVE = ": the paths think\n\n"
"""A comment of a stream: proxies cut connections on which nothing comes."""


class Completion:
    """The objects of one reply, all with one id."""

    def __init__(self, model: str, stop: Sequence[str], seed: int) -> None:
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self._model, self._stop, self._seed = model, stop, seed
        self._created = int(time.time())

    def whole(self, out: Mapping[str, Any], reasoning: str) -> dict[str, Any]:
        """A reply that is no stream."""
        message = {"role": "assistant", "refusal": None, **self._answer(out)}
        if reasoning:
            message["reasoning_content"] = reasoning
        choice = {"index": 0, "message": message, "finish_reason": finish_reason(out), "logprobs": None}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage(out), "leap": self._leap(out)}

    def begin(self) -> str:
        """The first event of a stream."""
        return event(self._chunk({"role": "assistant", "content": ""}))

    def reasoning(self, piece: Piece) -> str:
        """A piece of the thought; `leap.path` says whose it is."""
        return event({**self._chunk({"reasoning_content": piece.text}), "leap": {"path": piece.path}})

    def end(self, out: Mapping[str, Any], *, with_usage: bool) -> str:
        """The answer, why the reply ends, the token counts where they are wanted, and the end of the stream."""
        answer = self._chunk(self._answer(out))
        last = {**self._chunk({}, finish_reason(out)), "leap": self._leap(out)}
        counts = {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(out)}
        return "".join([event(answer), event(last), event(counts) if with_usage else "", DONE])

    def _answer(self, out: Mapping[str, Any]) -> dict[str, Any]:
        """The answer; where there is none to be written as JSON, why."""
        last = out["messages"][-1]
        if (refusal := last.additional_kwargs.get("refusal")) is not None:
            return {"content": None, "refusal": refusal}
        return {"content": cut_at(str(last.text), self._stop)}

    def _leap(self, out: Mapping[str, Any]) -> dict[str, Any]:
        return {**leap_fields(out), "seed": self._seed}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self._created, "model": self._model}


def event(data: Mapping[str, Any]) -> str:
    """One event of a stream; in ASCII, since many clients end a line at any of Unicode's line breaks."""
    return f"data: {json.dumps(data)}\n\n"


def usage(out: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts of a run, of all its paths and requests, under OpenAI's names; LeaP's own under `leap`."""
    counts = out["usage"]
    return {
        "prompt_tokens": counts["prefill"],
        "completion_tokens": counts["generated"],
        "total_tokens": counts["prefill"] + counts["generated"],
        "prompt_tokens_details": {"cached_tokens": counts["cached"]},
        "completion_tokens_details": {"reasoning_tokens": counts["thought"] + counts["summary"]},
        "leap": dict(counts),
    }


def model_object(model: str, created: int) -> dict[str, Any]:
    """An entry of `/v1/models`."""
    return {"id": model, "object": "model", "created": created, "owned_by": NAME}
