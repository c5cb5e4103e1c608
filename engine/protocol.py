from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

OnText = Callable[[str], None]
"""Receives newly generated text, in order, on the caller's event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How one request is sampled; the fields are vLLM's, with vLLM's meaning.

    A stop string stays in the output, because the token ids that spell it do.
    """

    max_tokens: int
    """Most tokens to generate."""
    temperature: float = 0.6
    """0 is greedy."""
    top_p: float = 0.95
    top_k: int = 0
    """0 considers all tokens."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    """The end-of-turn token always stops and need not be listed."""
    logprobs: bool = False
    """Sum the log-probabilities of the generated tokens into `Completion.logprob`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What one request generated."""

    token_ids: list[int]
    """Exactly as the engine gave them, stop token or end-of-turn token included."""
    text: str
    """The ids, decoded, special tokens visible."""
    finish_reason: Literal["stop", "length"]
    stop_reason: str | int | None
    """The stop string or stop token id that ended the request; `None` for the end-of-turn token or `length`."""
    prompt_tokens: int
    cached_tokens: int
    """How many of the prompt's tokens came from the prefix cache."""
    logprob: float | None = None
    """Sum of the natural log-probabilities of `token_ids`, if it was asked for."""

    @property
    def ended_turn(self) -> bool:
        """Whether the model ended its turn by itself (the end-of-turn token is the last id)."""
        return self.finish_reason == "stop" and self.stop_reason is None


@runtime_checkable
class Engine(Protocol):
    """Runs one model: token ids in, token ids out.

    `generate` can be awaited on any event loop of any thread; cancelling it aborts the request.
    """

    @property
    def model(self) -> str:
        """Name of the model, for people."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer, a `transformers.PreTrainedTokenizerBase`; loading it starts no engine."""
        ...

    @property
    def context_length(self) -> int:
        """Most tokens of prompt and generated text together."""
        ...

    def check(self) -> None:
        """Say, before anything is loaded, why the engine could not start.

        Raises:
            EngineError: the engine is not installed, or cannot run the model on this machine.
            ModelError: there is no such model, or its folder is not complete.
        """
        ...

    async def start(self) -> None:
        """Wait until the engine is ready; without it, the first request starts the engine.

        Raises:
            EngineError: the engine is missing or did not start.
        """
        ...

    async def generate(
        self, token_ids: Sequence[int], params: SamplingParams, *, on_text: OnText | None = None
    ) -> Completion:
        """Continue `token_ids`.

        Raises:
            EngineError: the engine is missing, did not start, died twice, or refused the request.
        """
        ...
