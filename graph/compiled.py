import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing, nullcontext
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from peerleap.graph.checkpoints import Checkpointer, aone_run, marked_ending, one_run
from peerleap.graph.errors import InputError, SettingsError
from peerleap.graph.events.buffer import Outbox, outbox_config
from peerleap.graph.langgraph_keys import CHECKPOINTER
from peerleap.graph.leap_block.person import NOT_KEPT
from peerleap.graph.path.path import Path
from peerleap.graph.prepare import check_input, check_options
from peerleap.graph.settings import Settings, as_settings
from peerleap.tools.scope import RunScope, scope_config

# Set by LangGraph in the configuration of a graph that runs inside another one.
_NESTED = "__pregel_read"
# The same, where that one streams what happens in this one.
_STREAMED = "__pregel_stream"
# Name of the settings of a run in the metadata of its checkpoints.
_SETTINGS = "leap_settings"


class LeapGraph(StateGraph[Any, Settings, Any, Any]):
    """A `StateGraph` whose compiled form checks its input before anything is stored."""

    uses_tools = False
    """Whether a run holds things open, such as sandboxes, that have to be closed when it ends."""
    path: Callable[[str, Mapping[str, Any]], Path]
    """The reasoning chain of a name, given the state of a run."""
    check: Callable[[Mapping[str, Any], Settings | None], None]
    """Refuses a question or settings that the team's models cannot run."""

    def compile(self, *args: Any, **kwargs: Any) -> "CompiledLeapGraph":
        """Compile, as `StateGraph.compile`; the name is `leap` unless given."""
        kwargs.setdefault("name", "leap")
        compiled = CompiledLeapGraph.__new__(CompiledLeapGraph)
        compiled.__dict__.update(super().compile(*args, **kwargs).__dict__)
        # A long run has many supersteps.
        return compiled.with_config(recursion_limit=10_000)

    @property
    def room(self) -> int:
        """Threads for all paths at once, and for what LangGraph runs beside them; its own pool has five or so."""
        return 2 * sum(1 for name in self.nodes if name not in {"prepare", "leap_block", "vote"}) + 16


class CompiledLeapGraph(CompiledStateGraph[Any, Settings, Any, Any]):
    """A compiled LeaP graph: as any compiled graph, but a bad call is refused before it leaves a trace."""

    if TYPE_CHECKING:  # a mapping will do as context

        def invoke(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Any: ...  # noqa: A002, D102
        async def ainvoke(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Any: ...  # noqa: A002, D102

    def path(self, name: str, state: Mapping[str, Any]) -> Path:
        """The reasoning chain of a name, given the state of a run."""
        return self._leap.path(name, state)

    def stream(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Iterator[Any]:  # noqa: A002
        """As `Pregel.stream`.

        With `None` as input, the run of the thread goes on where it stopped, however it was stopped.

        Raises:
            InputError: unknown input key, no question, a checkpointer without a thread id, or nothing to resume.
            SettingsError: a setting is unknown or out of range.
            ThreadBusy: a run goes on under this thread id.
            CheckpointError: the run's store failed; resume when that is mended.
        """
        config, context, thread = self._begin(input, config, context, kwargs)
        with one_run(self.checkpointer, thread) if thread else nullcontext(), self._scope() as scope:
            scoped = config if scope is None else scope_config(config, scope)
            if thread and isinstance(input, Mapping):
                self._leap.check(input, context)
            if thread and input is None:
                entered = self._entered(config, thread)
                context = _settings_of(entered, self._saver.get_tuple(entered), context)
            run = _with_settings(scoped, context) if thread else scoped
            outbox = self._outbox(config, kwargs)
            run = self._wide(outbox_config(run, outbox))
            parts = super().stream(input, run, context=context, **self._durable(kwargs))
            # Closed before the thread is let go: a reader may leave in the middle.
            with closing(cast("Generator[Any]", parts)):
                for part in parts:
                    outbox.read_part(part)
                    yield part

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: Any = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """As `Pregel.astream`; errors as in `stream`."""
        config, context, thread = self._begin(input, config, context, kwargs)
        async with aone_run(self.checkpointer, thread) if thread else nullcontext(), self._scope() as scope:
            scoped = config if scope is None else scope_config(config, scope)
            if thread and isinstance(input, Mapping):
                await asyncio.to_thread(self._leap.check, input, context)  # it reads the model's files
            if thread and input is None:
                entered = self._entered(config, thread)
                context = _settings_of(entered, await self._saver.aget_tuple(entered), context)
            run = _with_settings(scoped, context) if thread else scoped
            outbox = self._outbox(config, kwargs)
            run = self._wide(outbox_config(run, outbox))
            parts = super().astream(input, run, context=context, **self._durable(kwargs))
            async with aclosing(cast("AsyncGenerator[Any]", parts)):
                with marked_ending(self.checkpointer, thread):
                    async for part in parts:
                        outbox.read_part(part)
                        yield part

    def _scope(self) -> "RunScope | nullcontext[None]":
        """What the run holds open, closed at its end."""
        return RunScope() if getattr(self.builder, "uses_tools", False) else nullcontext()

    @property
    def _leap(self) -> LeapGraph:
        assert isinstance(self.builder, LeapGraph)
        return self.builder

    @property
    def _saver(self) -> BaseCheckpointSaver[Any]:
        assert isinstance(self.checkpointer, BaseCheckpointSaver)
        return self.checkpointer

    def _begin(self, given: Any, config: Any, context: Any, options: Mapping[str, Any]) -> tuple[Any, Any, str | None]:
        """Configuration, settings and thread of a call that is in order."""
        check_options(options)
        inherited = self._inherited(config)
        settings = self._check(given, inherited, context, ours=inherited is not config)
        return inherited, settings, self._thread(inherited)

    def _inherited(self, config: Any) -> Any:
        """As LangGraph has it: a call without a `configurable` in the node of another graph has that node's."""
        around = (var_child_runnable_config.get() or {}).get("configurable")
        return {**(config or {}), "configurable": around} if around and not self._configurable(config) else config

    def _wide(self, config: Any) -> Any:
        """`max_concurrency` counts a batch's questions. Fewer threads than paths would make a reader wait for ever."""
        asked = (config or {}).get("max_concurrency") or (self.config or {}).get("max_concurrency")
        return {**config, "max_concurrency": max(asked or 0, self._leap.room)}

    def _configurable(self, config: Any) -> dict[str, Any]:
        return {**((self.config or {}).get("configurable") or {}), **((config or {}).get("configurable") or {})}

    def _thread(self, config: Any) -> str | None:
        """Id of the thread that a call runs; `None` where nothing is stored, or a graph around this one stores it."""
        configurable = self._configurable(config)
        stored = isinstance(self.checkpointer, BaseCheckpointSaver) and _NESTED not in configurable
        return str(configurable["thread_id"]) if stored else None

    def _entered(self, config: Any, thread: str) -> Any:
        """Configuration of the checkpoint that a run goes on from: the latest, or an earlier one that a call names."""
        found = newest(thread)
        if earlier := self._configurable(config).get("checkpoint_id"):
            found["configurable"]["checkpoint_id"] = earlier
        return found

    def _outbox(self, config: Any, options: Mapping[str, Any]) -> Outbox:
        modes = {*_list(options.get("stream_mode") or self.stream_mode), *_list(options.get("print_mode") or ())}
        # Where a graph around this one streams ours, too, it is that one's queue which is read.
        around = _STREAMED in self._configurable(config)
        return Outbox(heard="custom" in modes or around, sees_reads="custom" in modes)

    def _durable(self, options: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self.checkpointer, BaseCheckpointSaver):
            # Histories are stored by what is new in them, so waiting for that costs next to nothing. A `Checkpointer`
            # drops its notes of a round when the round is stored, which "async" would not wait for.
            asked = options.get("durability") or "sync"
            if asked == "async" and isinstance(self.checkpointer, Checkpointer):
                asked = "sync"
            return {**options, "durability": asked}
        # A server says `async` where nothing is stored, too, and LangGraph warns of it.
        return {key: value for key, value in options.items() if (key, value) != ("durability", "async")}

    def _check(self, given: Any, config: Any, context: Any, *, ours: bool) -> Any:
        """The settings; `ours` says that input and context are made for this graph, although one is around it."""
        configurable = self._configurable(config)
        nested = _NESTED in configurable
        if given is None and self.checkpointer is None and not nested:
            given = {}  # there is no run that it could resume
        if given is not None and not isinstance(given, Command):
            check_input(given, nested=nested and not ours)
        if isinstance(given, Command) and given.resume is None and not given.update and not given.goto:
            raise InputError("Command(resume=None): LangGraph takes it for none; resume with '' to say nothing")
        thread = configurable.get("thread_id")
        if not nested and self.checkpointer not in {None, False, True} and not thread:
            if thread is not None and thread != "":
                raise InputError(f"thread_id={thread!r}: LangGraph takes it for none; give a text, as {str(thread)!r}")
            raise InputError(
                "this graph has a checkpointer, so a run needs a name to be found under: "
                "config={'configurable': {'thread_id': '...'}}"
            )
        if nested and isinstance(self.checkpointer, BaseCheckpointSaver) and configurable.get(CHECKPOINTER) is None:
            raise SettingsError(
                "checkpointer: it belongs to the outermost graph; the one around this graph has none, so compile that "
                "one with the checkpointer and this one without"
            )
        settings = None if context is None else as_settings(context, nested=nested and not ours)
        if settings is not None and settings.human_peer and self.checkpointer in {None, False} and not nested:
            raise SettingsError(NOT_KEPT)
        return settings


def _list(modes: Any) -> list[str]:
    return [modes] if isinstance(modes, str) else [*modes]


def newest(thread: str) -> Any:
    """Configuration of a thread's latest checkpoint."""
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def _with_settings(config: Any, settings: Settings | None) -> Any:
    """The context is not part of a checkpoint, and the first node can be interrupted before it has copied it.

    More than once: a resumed run stores checkpoints before its first node is done, too.
    """
    if settings is None:
        return config
    told = settings.model_dump_json(exclude_unset=True)
    config = config or {}
    return {**config, "metadata": {**(config.get("metadata") or {}), _SETTINGS: told}}


def _settings_of(entered: Any, stored: CheckpointTuple | None, settings: Settings | None) -> Settings | None:
    if stored is None:
        thread, checkpoint = entered["configurable"]["thread_id"], entered["configurable"].get("checkpoint_id")
        what = "run is" if checkpoint is None else f"checkpoint_id={checkpoint!r} is"
        raise InputError(f"thread_id={thread!r}: no {what} stored under this name, so there is nothing to resume")
    told: Any = stored.metadata.get(_SETTINGS)
    return settings if settings is not None or not told else Settings.model_validate_json(told)
