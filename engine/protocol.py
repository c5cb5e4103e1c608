"""The engine seam: what a request to a model is, what it returns, and what an engine must do."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

OnText = Callable[[str], None]
"""Receives newly generated text, in order, on the caller's event loop."""

MAX_LOGPROBS = 20
"""Largest number of alternatives that vLLM reports for a token unless its argument `max_logprobs` is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredOutputsParams:
    """What a request may generate; the field is vLLM's, with vLLM's meaning."""

    json: str
    """A JSON schema as text: what is generated fits it, up to `max_tokens`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How one request is sampled; the fields are vLLM's, with vLLM's meaning.

    A stop string stays in the output, because the token ids that spell it do.
    """

    max_tokens: int
    """Maximum number of tokens to generate."""
    temperature: float = 0.6
    """0 is greedy."""
    top_p: float = 0.95
    top_k: int = 0
    """0 considers all tokens."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    """The tokens that end the model's turn always stop and need not be listed."""
    logprobs: int | None = None
    """Number of most likely alternatives to report for each token, besides the sampled one: 0 reports the sampled
    token only, `None` turns log-probabilities off."""
    structured_outputs: StructuredOutputsParams | None = None
    """A constraint on what is generated; an engine that cannot keep it refuses the request (`RequestRefused`)."""


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
    """Number of prompt tokens that came from the prefix cache."""
    token_logprobs: list[float] | None = None
    """Natural log-probability of each of `token_ids`; `None` unless `SamplingParams.logprobs` is a number."""
    token_confidences: list[float] | None = None
    """Confidence of each token: minus the mean log-probability of the `k` most likely tokens at its place
    (DeepConf, arXiv 2508.15260, equation 2); `None` unless `SamplingParams.logprobs` is a `k` of at least 1."""

    @property
    def logprob(self) -> float | None:
        """Sum of `token_logprobs`; `None` where there are none."""
        return None if self.token_logprobs is None else math.fsum(self.token_logprobs)

    end_tokens: int = 1
    """Number of ids at the end that spell the end of the turn, where `ended_turn`."""

    @property
    def ended_turn(self) -> bool:
        """True if the model ended its turn by itself: its last ids (`end_tokens`) spell the end of the turn."""
        return self.finish_reason == "stop" and self.stop_reason is None


def each_once(engines: Iterable["Engine"]) -> list["Engine"]:
    """The engines of several paths, in order, each once; engines need not be hashable."""
    return list({id(engine): engine for engine in engines}.values())


async def finish_sessions(engine: "Engine", sessions: Sequence[str]) -> None:
    """Tell an engine that sessions have ended, where it keeps count of them; no engine need have such a method.

    Args:
        engine: may have `async def finish_sessions(self, sessions)`.
        sessions: names of paths of a run that has ended.
    """
    finish = getattr(engine, "finish_sessions", None)
    if finish is not None:
        await finish(sessions)


def begin_start(engine: "Engine") -> None:
    """Let an engine that takes long to start begin with it; no engine need have such a method.

    Args:
        engine: may have `def begin(self)`, which returns at once; `start` goes on with what it has begun.

    Raises:
        EngineError: the engine is missing, or an argument is wrong.
    """
    begin = getattr(engine, "begin", None)
    if begin is not None:
        begin()


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
        """Maximum number of tokens of prompt and generated text together."""
        ...

    def check(self) -> None:
        """Explain, before anything is loaded, why the engine could not start.

        Raises:
            EngineError: the engine is not installed, or cannot run the model on this machine.
            ModelError: there is no such model, or its folder is not complete.
        """
        ...

    async def start(self) -> None:
        """Start now rather than at the first request, and wait until the engine runs.

        Returns at once where it runs already. An engine that needs no start does nothing.

        Raises:
            EngineError: the engine is missing, or did not start.
        """
        ...

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """Continue `token_ids`.

        Args:
            token_ids: the whole prompt, as token ids of the engine's tokenizer.
            params: how to sample and when to stop.
            session: name of the path within its run, such as `run/solver_1`. Requests of one session go to the replica
                that holds their prefix cache, where an engine has several.
            on_text: receives the generated text while it is written.

        Returns:
            The generated ids, their text, and why the request ended.

        Raises:
            EngineError: the engine is missing, did not start, died twice, or refused the request.
        """
        ...


class EngineWrapper:
    """An engine that passes everything on to another one; a subclass changes what it must."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """The other one."""

    @property
    def model(self) -> str:
        """As in `Engine`."""
        return self.engine.model

    @property
    def tokenizer(self) -> Any:
        """As in `Engine`."""
        return self.engine.tokenizer

    @property
    def context_length(self) -> int:
        """As in `Engine`."""
        return self.engine.context_length

    def check(self) -> None:
        """As in `Engine`."""
        self.engine.check()

    def begin(self) -> None:
        """As `begin_start` of the other one."""
        begin_start(self.engine)

    async def start(self) -> None:
        """As in `Engine`."""
        await self.engine.start()

    async def finish_sessions(self, sessions: Sequence[str]) -> None:
        """As `finish_sessions` of the other one."""
        await finish_sessions(self.engine, sessions)

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """As in `Engine`."""
        return await self.engine.generate(token_ids, params, session=session, on_text=on_text)
