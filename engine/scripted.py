"""An engine whose model is a plain function: for tests of logic, for benchmarks and for examples."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal

from peerleap.engine.chat import decode, encode, turn_end
from peerleap.engine.errors import RequestRefused
from peerleap.engine.protocol import Completion, OnText, SamplingParams

Script = Callable[[str, SamplingParams], str]
"""Maps the prompt's text to the text that the model would write next; its turn ends where the text ends."""

END_OF_TURN = "<|im_end|>"
_BLOCK = 32

_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
)


@cache
def byte_tokenizer(thinking: bool = False) -> Any:
    """A tokenizer made in process: one token per byte, ChatML's control tokens and, with `thinking`, `<think>` tags."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TURN, pad_token="<|endoftext|>")  # noqa: S106
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    if thinking:
        fast.add_tokens(["<think>", "</think>"])
    fast.chat_template = _TEMPLATE + ("<think>\n{% endif %}" if thinking else "{% endif %}")
    return fast


class ScriptedEngine:
    """An engine whose model is a plain function, for logic and benchmarks.

    It honours stop strings, stop tokens, `max_tokens`, seeds (the script sees the parameters), prefix caching in
    blocks of 32 tokens, and an optional decode speed; it is as exact about ids as the real one.
    """

    def __init__(
        self,
        script: Script,
        *,
        thinking: bool = False,
        context_length: int = 131_072,
        tokens_per_second: float | None = None,
        model: str = "scripted",
    ) -> None:
        self.model = model
        self.tokenizer = byte_tokenizer(thinking)
        self._end: int = self.tokenizer.eos_token_id
        self.context_length = context_length
        self.requests: list[tuple[list[int], SamplingParams]] = []
        """Every request as it arrived, for tests."""
        self.sessions: list[str | None] = []
        """The session of every request, in the order of `requests`."""
        self._script = script
        self._seconds_per_token = 1 / tokens_per_second if tokens_per_second else 0.0
        self._cached: set[int] = set()

    def check(self) -> None:
        """Nothing can be missing."""

    async def start(self) -> None:
        """Nothing needs a start."""

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """Emit what the script writes, up to the first stop.

        Each token has the log-probability -0.1, and each of its alternatives -0.2.

        Raises:
            RequestRefused: the request is for JSON, and its script writes none.
        """
        prompt = list(token_ids)
        self.requests.append((prompt, params))
        self.sessions.append(session)
        written = self._script(decode(self.tokenizer, prompt), params)
        if params.structured_outputs is not None and not _is_json(written):
            raise RequestRefused(f"a request for JSON (`structured_outputs`): the script writes {written[:40]!r}")
        planned = [*encode(self.tokenizer, written), self._end]
        end = turn_end(self.tokenizer)
        ids, finish_reason, stop_reason = self._stop(planned, end.added_to(params))
        turn_ended = stop_reason is not None and stop_reason not in (*params.stop, *params.stop_token_ids)
        await asyncio.sleep(len(ids) * self._seconds_per_token)
        text = decode(self.tokenizer, ids)
        if on_text is not None:
            on_text(text)
        return Completion(
            token_ids=ids,
            text=text,
            finish_reason=finish_reason,
            stop_reason=None if turn_ended else stop_reason,
            end_tokens=end.tail(self.tokenizer, ids) if turn_ended and stop_reason == end.text else 1,
            prompt_tokens=len(prompt),
            cached_tokens=self._cache(prompt, ids),
            token_logprobs=None if params.logprobs is None else [-0.1] * len(ids),
            token_confidences=[0.2] * len(ids) if params.logprobs else None,
        )

    def _stop(
        self, planned: list[int], params: SamplingParams
    ) -> tuple[list[int], Literal["stop", "length"], str | int | None]:
        # A stop string can only end where its last byte stands: the text is decoded there and nowhere else.
        endings = {encode(self.tokenizer, stop)[-1] for stop in params.stop}
        window = max((len(stop.encode()) for stop in params.stop), default=0)
        for n, token in enumerate(planned, start=1):
            if token == self._end:
                return planned[:n], "stop", None
            if token in params.stop_token_ids:
                return planned[:n], "stop", token
            if token in endings:
                tail = decode(self.tokenizer, planned[max(0, n - window) : n])
                for stop in params.stop:
                    if tail.endswith(stop):
                        return planned[:n], "stop", stop
            if n == params.max_tokens:
                return planned[:n], "length", None
        raise AssertionError("a plan ends with the end-of-turn token")

    def _cache(self, prompt: list[int], ids: list[int]) -> int:
        key, hit, known = 0, 0, True
        everything = prompt + ids
        for end in range(_BLOCK, len(everything), _BLOCK):
            key = hash((key, *everything[end - _BLOCK : end]))
            known = known and key in self._cached and end < len(prompt)
            hit = end if known else hit
            self._cached.add(key)
        return hit


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
