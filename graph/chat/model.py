"""`ChatLeaP`: a compiled graph as a LangChain chat model."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, NoReturn, cast

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.constants import TAG_NOSTREAM
from pydantic import ConfigDict, Field, field_validator

from peerleap.agents import Sampling
from peerleap.engine import Engine, encode
from peerleap.graph.chat.message import reply_chunk, reply_message
from peerleap.graph.chat.reply import areply, merged, reply, transcript_of
from peerleap.graph.chat.structured import structured
from peerleap.graph.chat.transcript import THOUGHTS, Thoughts
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import SettingsError
from peerleap.graph.settings import Settings, as_settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

_NO_TOOLS = (
    "tools: ChatLeaP returns no tool calls, since its paths call tools while they think; give them to the team: "
    "build_graph(peers=[Peer(name='solver', count=4, tools=[...])])"
)


class ChatLeaP(BaseChatModel):
    """A LangChain chat model whose reply is the answer of several paths that learn from each other.

    `stream` gives the thought as reasoning content while it is written, then the answer. `response_metadata["leap"]`
    has the votes, how each path ended and where the tokens went.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    graph: CompiledLeapGraph = Field(exclude=True, repr=False)
    """`build_graph(...).compile()`, without a checkpointer: a chat model gets the whole conversation each time."""
    settings: Settings = Settings()
    """Of every run; a mapping will do."""
    thoughts: Thoughts = "one"
    """Whose thoughts `stream` shows: of `one` path, of `all`, each line with its path's name, or `none`."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """On top of `settings`."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Budget of each path in tokens, on top of `settings`."""
    stop: list[str] | None = None
    """The answer ends before the first of these texts; thoughts do not."""
    streaming: bool = False
    """`invoke` streams, too, where a callback reads tokens."""

    @field_validator("settings", mode="before")
    @classmethod
    def _as_settings(cls, value: Any) -> Settings:
        return as_settings(value)

    @field_validator("graph")
    @classmethod
    def _not_stored(cls, graph: CompiledLeapGraph) -> CompiledLeapGraph:
        if graph.checkpointer:
            raise ValueError("graph: it has a checkpointer; a chat model stores nothing, compile it without")
        return graph

    @property
    def _llm_type(self) -> str:
        return "leap"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        # A cache of replies takes models for the same where this is equal, so all that shapes a reply is here.
        # LangChain itself sets `stop`, to that of a call.
        own = {name: getattr(self, name) for name in ("temperature", "max_tokens", "thoughts")}
        settings = self.settings.model_dump(exclude_unset=True, mode="json")
        return {"model": self._model, "settings": settings, "team": self._team, **own, "own_stop": self.stop}

    @property
    def _team(self) -> dict[str, Any]:
        """What the peers are, by name."""
        return {
            peer.name: {
                **peer.model_dump(exclude_defaults=True), "model": self._engines[path].model,
                **({"tools": [tool.name for tool in peer.tools]} if peer.tools else {}),
            }
            for path, peer in self._leap.run.team.items()
        }  # fmt: skip

    @property
    def _leap(self) -> LeapGraph:
        assert isinstance(self.graph.builder, LeapGraph)
        return self.graph.builder

    @property
    def _engines(self) -> Mapping[str, Engine]:
        return self._leap.run.engines

    @property
    def _model(self) -> str:
        return next(iter(self._engines.values())).model

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of a text for the model of the first path; LangChain would fetch GPT-2's tokenizer from a hub."""
        return encode(next(iter(self._engines.values())).tokenizer, text)

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> NoReturn:
        """Refused: the paths call the team's own tools.

        Raises:
            NotImplementedError: says how to give tools to the team.
        """
        raise NotImplementedError(_NO_TOOLS)

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, method: str = "json_schema", **options: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """A model whose replies fit a schema: the paths vote in words, then one of them writes its answer as JSON.

        Args:
            schema: a Pydantic class, a TypedDict or a JSON schema.
            include_raw: also the message, and the error where it could not be read: `raw`, `parsed`, `parsing_error`.
            method: `json_schema`.
            options: `strict`, which it always is.

        Raises:
            ValueError: another method or option, or no schema.
        """
        return structured(self, schema, method=method, include_raw=include_raw, options=options)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        config = _config(run_manager)
        settings, _ = self._call(kwargs, self._stops(stop))
        return self._result(self.graph.invoke({"messages": messages}, config, context=settings), stop)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        config = _config(run_manager)
        settings, _ = self._call(kwargs, self._stops(stop))
        return self._result(await self.graph.ainvoke({"messages": messages}, config, context=settings), stop)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        settings, thoughts = self._call(kwargs, self._stops(stop))
        pieces = reply(self.graph, messages, settings, transcript_of(self.graph, thoughts), _config(run_manager))
        with closing(cast("Generator[Any]", pieces)):
            for piece in pieces:
                yield ChatGenerationChunk(message=reply_chunk(piece, self._stops(stop)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        settings, thoughts = self._call(kwargs, self._stops(stop))
        pieces = areply(self.graph, messages, settings, transcript_of(self.graph, thoughts), _config(run_manager))
        async with aclosing(cast("AsyncGenerator[Any]", pieces)):
            async for piece in pieces:
                yield ChatGenerationChunk(message=reply_chunk(piece, self._stops(stop)))

    def _result(self, out: Mapping[str, Any], stop: list[str] | None) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=reply_message(self.graph, out, self._stops(stop)))])

    def _stops(self, stop: list[str] | str | None) -> list[str]:
        found = (self.stop or []) if stop is None else [stop] if isinstance(stop, str) else stop
        if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
            raise SettingsError(f"stop={stop!r}: give a list of texts")
        return list(found)

    def _call(self, options: Mapping[str, Any], stops: Sequence[str] = ()) -> tuple[Settings, Thoughts]:
        """The settings of one call, and whose thoughts it shows.

        Raises:
            SettingsError: an option is unknown, or out of range, or would cut JSON.
        """
        named = {"temperature": self.temperature, "max_tokens": self.max_tokens, **options}
        left = {name: value for name, value in named.items() if value is not None and name not in {"stream", "model"}}
        thoughts = left.pop("thoughts", self.thoughts)
        if thoughts not in THOUGHTS:
            raise SettingsError(f"thoughts={thoughts!r}: give one, all or none")
        if "tools" in left or "functions" in left:
            raise SettingsError(_NO_TOOLS)
        own = as_settings(left.pop("settings", None)).model_dump(exclude_unset=True)
        sampling = {name: left.pop(name) for name in ("temperature", "top_p") if name in left}
        if "max_completion_tokens" in left:
            left["max_tokens"] = left.pop("max_completion_tokens")
        settings = merged(merged(merged(self.settings, {"sampling": sampling}), left), own)
        if settings.json_schema is not None and any(stops):
            raise SettingsError(f"stop={list(stops)!r}: JSON is not cut; leave it out")
        return settings, thoughts

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        settings, _ = self._call({key: value for key, value in kwargs.items() if key in _TRACED})
        params = LangSmithParams(ls_provider="leap", ls_model_type="chat")
        params["ls_model_name"] = str(kwargs.get("model") or self._model)
        if settings.sampling.temperature is not None:
            params["ls_temperature"] = settings.sampling.temperature
        if settings.max_tokens is not None:
            params["ls_max_tokens"] = settings.max_tokens
        if stops := self._stops(stop):
            params["ls_stop"] = stops
        return params


_TRACED = {"settings", "max_tokens", "max_completion_tokens", *Sampling.model_fields} - {"top_k"}


def _config(run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> RunnableConfig:
    """Configuration of the graph's run: a child of the model's, as `get_child` of a chain's manager has it."""
    if run_manager is None:
        return {}
    kind = CallbackManager if isinstance(run_manager, CallbackManagerForLLMRun) else AsyncCallbackManager
    child = kind(handlers=[], parent_run_id=run_manager.run_id)
    child.set_handlers(run_manager.inheritable_handlers)
    # The paths' own text is not this model's: a graph around it must not stream it as messages.
    child.add_tags([*run_manager.inheritable_tags, TAG_NOSTREAM])
    child.add_metadata(run_manager.inheritable_metadata)
    return {"callbacks": child}
