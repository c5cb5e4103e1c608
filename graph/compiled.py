"""A compiled LeaP graph: as any compiled graph of LangGraph, but a bad call is refused before it leaves a trace."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, nullcontext
from html import escape
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.types import Checkpointer as CheckpointerArgument
from langgraph.types import Command

from peerleap.graph.call import (
    call_config,
    configurable,
    durable,
    entered,
    event_buffer,
    stored_settings,
    stream_modes,
)
from peerleap.graph.checked_states import CheckedStates
from peerleap.graph.checkpoints import aone_run, marked_ending, one_run
from peerleap.graph.events import Event, EventBuffer
from peerleap.graph.inputs import check_call, check_options, read_written
from peerleap.graph.langgraph_keys import NESTED
from peerleap.graph.nodes import Nodes
from peerleap.graph.path import Path
from peerleap.graph.prepare import Prepared
from peerleap.graph.settings import Settings
from peerleap.graph.state import LeapInput, LeapOutput
from peerleap.tools import RunScope

Input = LeapInput | Mapping[str, Any] | Command[Any] | None
"""What a call takes: a question, messages, a command, or `None` to resume."""
Context = Settings | Mapping[str, Any] | None
"""The settings of a call."""


class LeapGraph(StateGraph[Any, Settings, Any, Any]):
    """A `StateGraph` whose compiled form checks its input before anything is stored."""

    def __init__(self, state_schema: Any, run: Nodes, **schemas: Any) -> None:
        super().__init__(state_schema, **schemas)
        self.run = run
        """What the nodes do."""

    def compile(
        self, checkpointer: CheckpointerArgument = None, *, name: str | None = "leap", **options: Any
    ) -> "CompiledLeapGraph":
        """Compile, as `StateGraph.compile`.

        Args:
            checkpointer: where runs are stored; `None` for nowhere.
            name: of the graph, for traces and for graphs around it.
            options: `interrupt_before`, `interrupt_after`, `store`, `cache` and `debug`, as LangGraph has them.
        """
        compiled = CompiledLeapGraph.__new__(CompiledLeapGraph)
        compiled.__dict__.update(super().compile(checkpointer, name=name, **options).__dict__)
        # A long run has many supersteps.
        return compiled.with_config(recursion_limit=10_000)


class CompiledLeapGraph(CheckedStates):
    """A compiled LeaP graph: as any compiled graph, but a bad call is refused before it leaves a trace."""

    if TYPE_CHECKING:  # a mapping will do as input and context

        def invoke(  # type: ignore[override]  # noqa: D102
            self, input: Input, config: RunnableConfig | None = None, *, context: Context = None, **options: Any
        ) -> LeapOutput: ...

        async def ainvoke(  # type: ignore[override]  # noqa: D102
            self, input: Input, config: RunnableConfig | None = None, *, context: Context = None, **options: Any
        ) -> LeapOutput: ...

    def path(self, name: str, state: Mapping[str, Any]) -> Path:
        """The reasoning chain of a name, given the state of a run."""
        return self._leap.run.path(name, state)

    @overload
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["custom"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> Iterator[Event]: ...  # fmt: skip
    @overload
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["values"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> Iterator[LeapOutput]: ...  # fmt: skip
    @overload
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["messages"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> Iterator[tuple[BaseMessage, dict[str, object]]]: ...  # fmt: skip
    @overload
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["updates"] | None = None,
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> Iterator[dict[str, object]]: ...  # fmt: skip
    @overload
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: str | Sequence[str] | None = None,
        subgraphs: bool | None = False, context: Context = None, **options: Any,
    ) -> Iterator[Any]: ...  # fmt: skip
    def stream(
        self, input: Input, config: RunnableConfig | None = None, *, context: Context = None, **options: Any
    ) -> Iterator[Any]:
        """As `Pregel.stream`.

        With `None` as input, the run of the thread goes on where it stopped, however it was stopped.

        Args:
            input: `{"question": ...}` or `{"messages": [...]}`, a command, or `None`.
            config: LangChain's; with a checkpointer, `{"configurable": {"thread_id": ...}}`.
            context: the settings of the run.
            options: as LangGraph has them (`stream_mode`, `subgraphs`, `durability`, ...).

        Raises:
            InputError: unknown input key, no question, a checkpointer without a thread id, or nothing to resume.
            SettingsError: a setting is unknown or out of range.
            ThreadBusy: a run goes on under this thread id.
            CheckpointError: the run's store failed; resume when that is mended.
        """
        input = read_written(input)  # noqa: A001
        config, settings, thread = self._begin(input, config, context, options)
        with one_run(self.checkpointer, thread) if thread else nullcontext(), self._scope() as scope:
            prepared = self._leap.run.check(input, settings) if thread and isinstance(input, Mapping) else None
            if thread and not isinstance(input, Mapping):
                start = entered(thread, configurable(self.config, config))
                stored = self._saver.get_tuple(start)
                settings = stored_settings(start, stored, settings)
                self.check_resumed(stored, self.get_state(start), thread)
            run, buffer = self._configured(config, options, scope, settings if thread else None, prepared)
            parts = super().stream(input, run, context=settings, **durable(options, self.checkpointer))
            # Closed before the thread is let go: a reader may leave in the middle.
            with closing(cast("Generator[Any]", parts)):
                for part in parts:
                    buffer.read_part(part)
                    yield part

    @overload
    def astream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["custom"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> AsyncIterator[Event]: ...  # fmt: skip
    @overload
    def astream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["values"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> AsyncIterator[LeapOutput]: ...  # fmt: skip
    @overload
    def astream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["messages"],
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> AsyncIterator[tuple[BaseMessage, dict[str, object]]]: ...  # fmt: skip
    @overload
    def astream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: Literal["updates"] | None = None,
        subgraphs: Literal[False] = False, context: Context = None, **options: Any,
    ) -> AsyncIterator[dict[str, object]]: ...  # fmt: skip
    @overload
    def astream(
        self, input: Input, config: RunnableConfig | None = None, *, stream_mode: str | Sequence[str] | None = None,
        subgraphs: bool | None = False, context: Context = None, **options: Any,
    ) -> AsyncIterator[Any]: ...  # fmt: skip
    async def astream(
        self, input: Input, config: RunnableConfig | None = None, *, context: Context = None, **options: Any
    ) -> AsyncIterator[Any]:
        """As `Pregel.astream`; arguments and errors as in `stream`."""
        input = read_written(input)  # noqa: A001
        config, settings, thread = self._begin(input, config, context, options)
        async with aone_run(self.checkpointer, thread) if thread else nullcontext(), self._scope() as scope:
            prepared = None
            if thread and isinstance(input, Mapping):
                prepared = await asyncio.to_thread(self._leap.run.check, input, settings)  # it reads the model's files
            if thread and not isinstance(input, Mapping):
                start = entered(thread, configurable(self.config, config))
                stored = await self._saver.aget_tuple(start)
                settings = stored_settings(start, stored, settings)
                self.check_resumed(stored, await self.aget_state(start), thread)
            run, buffer = self._configured(config, options, scope, settings if thread else None, prepared)
            parts = super().astream(input, run, context=settings, **durable(options, self.checkpointer))
            async with aclosing(cast("AsyncGenerator[Any]", parts)):
                with marked_ending(self.checkpointer, thread):
                    async for part in parts:
                        buffer.read_part(part)
                        yield part

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows of a bare graph: its paths, without a web service that draws them."""
        team = ", ".join(self._leap.run.team)
        text = f"LeaP graph {self.name!r}: prepare -> {team} <-> leap_block -> vote"
        return {"text/plain": text, "text/html": f"<code>{escape(text)}</code>"}

    def __deepcopy__(self, _: Any) -> "CompiledLeapGraph":
        """The same graph: it has no state of its own, and its engines are shared."""
        return self

    def _scope(self) -> Any:
        """What the run holds open, closed at its end."""
        return RunScope() if self._leap.run.uses_tools else nullcontext()

    @property
    def _leap(self) -> LeapGraph:
        assert isinstance(self.builder, LeapGraph)
        return self.builder

    @property
    def _saver(self) -> BaseCheckpointSaver[Any]:
        assert isinstance(self.checkpointer, BaseCheckpointSaver)
        return self.checkpointer

    def _begin(
        self, values: Any, config: Any, context: Any, options: Mapping[str, Any]
    ) -> tuple[Any, Settings | None, str | None]:
        """Configuration, settings and thread of a call that is in order."""
        check_options(options)
        self.check_command(values)
        # As LangGraph has it: a call without a `configurable` in the node of another graph has that node's.
        around = (var_child_runnable_config.get() or {}).get("configurable")
        inherits = bool(around) and not configurable(self.config, config)
        if inherits:
            config = {**(config or {}), "configurable": around}
        fields = configurable(self.config, config)
        settings = check_call(values, fields, context, self.checkpointer, inherited=inherits)
        # Nothing is stored, or a graph around this one stores it.
        stored = isinstance(self.checkpointer, BaseCheckpointSaver) and NESTED not in fields
        return config, settings, str(fields["thread_id"]) if stored else None

    def _configured(
        self, config: Any, options: Mapping[str, Any], scope: Any, stored: Settings | None, prepared: Prepared | None
    ) -> tuple[Any, EventBuffer]:
        """The configuration that LangGraph runs with, and the buffer of the run's events."""
        buffer = event_buffer(stream_modes(options, self.stream_mode), configurable(self.config, config))
        run = call_config(config, buffer, scope, stored, prepared)
        # `max_concurrency` counts a batch's questions. Fewer threads than paths would make a reader wait for ever:
        # all paths run at once, and LangGraph runs something beside each; its own pool has five or so.
        requested = (config or {}).get("max_concurrency") or (self.config or {}).get("max_concurrency")
        return {**run, "max_concurrency": max(requested or 0, 2 * len(self._leap.run.team) + 16)}, buffer
