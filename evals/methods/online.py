"""An engine that ends a path early, once the model has become too unsure of it (DeepConf's online stop)."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from peerleap.engine import Completion, EngineWrapper, OnText, SamplingParams, decode
from peerleap.evals.methods.confidence import group_confidences
from peerleap.graph import derive_seed

CHUNK = 256
"""Tokens between two looks at a path's confidence."""


@dataclass(slots=True)
class Watch:
    """One path's limit, and the confidences of what it has written."""

    limit: float
    window: int
    tokens: list[float] = field(default_factory=list)

    @property
    def unsure(self) -> bool:
        """Whether the confidence of a whole group of tokens has fallen below the limit."""
        whole = len(self.tokens) >= self.window
        return whole and min(group_confidences(self.tokens, self.window)) < self.limit


WATCH: ContextVar[Watch | None] = ContextVar("peerleap_watch", default=None)
"""The watch of the path whose task this is."""


class OnlineEngine(EngineWrapper):
    """An engine that sends a watched path's requests in chunks, and ends its turn once the model is too unsure."""

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """As in `Engine`; in chunks for a watched path."""
        watch = WATCH.get()
        if watch is None:
            return await self.engine.generate(token_ids, params, session=session, on_text=on_text)
        prompt, parts = list(token_ids), list[Completion]()
        while not watch.unsure:
            ids = [token for part in parts for token in part.token_ids]
            seed = params.seed if not parts or params.seed is None else derive_seed(params.seed, "chunk", len(parts))
            size = min(CHUNK, params.max_tokens - len(ids))
            chunk = replace(params, max_tokens=size, seed=seed)
            part = await self.engine.generate([*prompt, *ids], chunk, session=session, on_text=on_text)
            part = self._cut(ids, part, params.stop)
            parts.append(part)
            watch.tokens += part.token_confidences or []
            if part.finish_reason == "stop" or len(ids) + len(part.token_ids) >= params.max_tokens:
                return self._joined(parts)
        end = int(self.tokenizer.eos_token_id)
        return self._joined(parts, ended_by=end)

    def _cut(self, before: Sequence[int], part: Completion, stops: Sequence[str]) -> Completion:
        """A chunk up to a stop string that began in the chunk before it, where the engine could not see it."""
        if not before or not stops:
            return part
        reach = max(len(stop.encode()) for stop in stops)
        head = decode(self.tokenizer, list(before[-reach:]))
        for count in range(1, min(reach, len(part.token_ids)) + 1):
            text = decode(self.tokenizer, [*before[-reach:], *part.token_ids[:count]])
            for stop in stops:
                if stop in text and stop not in head:
                    return replace(
                        part, token_ids=part.token_ids[:count], text=decode(self.tokenizer, part.token_ids[:count]),
                        finish_reason="stop", stop_reason=stop, token_logprobs=(part.token_logprobs or [])[:count],
                        token_confidences=(part.token_confidences or [])[:count],
                    )  # fmt: skip
        return part

    def _joined(self, parts: Sequence[Completion], ended_by: int | None = None) -> Completion:
        ids = [token for part in parts for token in part.token_ids]
        logprobs = [value for part in parts for value in part.token_logprobs or ()]
        confidences = [value for part in parts for value in part.token_confidences or ()]
        if ended_by is not None:
            ids, logprobs = [*ids, ended_by], [*logprobs, 0.0]
            confidences = [*confidences, confidences[-1] if confidences else 0.0]
        return Completion(
            token_ids=ids,
            text=decode(self.tokenizer, ids),
            finish_reason=parts[-1].finish_reason if ended_by is None else "stop",
            stop_reason=parts[-1].stop_reason if ended_by is None else None,
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            cached_tokens=sum(part.cached_tokens for part in parts),
            token_logprobs=logprobs,
            token_confidences=confidences,
        )


@lru_cache(maxsize=4)
def online_engine(engine: Any) -> OnlineEngine:
    """The watched form of an engine; one for a whole eval, so that its graphs are made once."""
    return OnlineEngine(engine)
