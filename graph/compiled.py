from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from peerleap.graph.errors import InputError
from peerleap.graph.prepare import check_input
from peerleap.graph.settings import Settings, as_settings

# Set by LangGraph in the configuration of a graph that runs inside another one.
_NESTED = "__pregel_read"


class LeapGraph(StateGraph[Any, Settings, Any, Any]):
    """A `StateGraph` whose compiled form checks its input before anything is stored."""

    def compile(self, *args: Any, **kwargs: Any) -> "CompiledLeapGraph":
        """Compile, as `StateGraph.compile`; the name is `leap` unless given."""
        kwargs.setdefault("name", "leap")
        compiled = CompiledLeapGraph.__new__(CompiledLeapGraph)
        compiled.__dict__.update(super().compile(*args, **kwargs).__dict__)
        # LangGraph's default pool runs only five or so sync nodes at once, and a long run has many supersteps.
        paths = sum(1 for name in self.nodes if name not in {"prepare", "leap_block", "vote"})
        return compiled.with_config(recursion_limit=10_000, max_concurrency=2 * paths + 16)


class CompiledLeapGraph(CompiledStateGraph[Any, Settings, Any, Any]):
    """A compiled LeaP graph: as any compiled graph, but a bad call is refused before it leaves a trace."""

    if TYPE_CHECKING:  # a mapping will do as context

        def invoke(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Any: ...  # noqa: A002, D102
        async def ainvoke(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Any: ...  # noqa: A002, D102

    def stream(self, input: Any, config: Any = None, *, context: Any = None, **kwargs: Any) -> Iterator[Any]:  # noqa: A002
        """As `Pregel.stream`.

        Raises:
            InputError: unknown input key, no question, or a checkpointer without a thread id.
            SettingsError: a setting is unknown or out of range.
        """
        context = self._check(input, config, context)
        yield from super().stream(input, config, context=context, **kwargs)

    async def astream(
        self,
        input: Any,  # noqa: A002
        config: Any = None,
        *,
        context: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """As `Pregel.astream`; errors as in `stream`."""
        context = self._check(input, config, context)
        async for part in super().astream(input, config, context=context, **kwargs):
            yield part

    def _check(self, given: Any, config: Any, context: Any) -> Any:
        configurable = {**((self.config or {}).get("configurable") or {}), **((config or {}).get("configurable") or {})}
        nested = _NESTED in configurable
        if given is None and self.checkpointer is None and not nested:
            given = {}  # there is no run that it could resume
        if given is not None and not isinstance(given, Command):
            check_input(given, nested=nested)
        if not nested and self.checkpointer not in {None, False, True} and not configurable.get("thread_id"):
            raise InputError(
                "this graph has a checkpointer, so a run needs a name to be found under: "
                "config={'configurable': {'thread_id': '...'}}"
            )
        return None if context is None else as_settings(context, nested=nested)
