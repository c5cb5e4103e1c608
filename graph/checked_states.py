"""A compiled graph that checks the states it is asked to write, and those that it reads."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from peerleap.graph.errors import CheckpointError
from peerleap.graph.settings import Settings
from peerleap.graph.state import history_key
from peerleap.graph.state_check import check_state, check_task_result, check_update

_PREFIX = history_key("")
# Channel of what a task of a node, a path's summary, has returned.
_TASK_RESULT = "__return__"


class CheckedStates(CompiledStateGraph[Any, Settings, Any, Any]):
    """A compiled LeaP graph that refuses state writes that no node could have made."""

    @property
    def path_names(self) -> list[str]:
        """The paths of the graph."""
        return [key.removeprefix(_PREFIX) for key in self.channels if key.startswith(_PREFIX)]

    def bulk_update_state(self, config: Any, supersteps: Sequence[Sequence[Any]]) -> Any:
        """As `Pregel.bulk_update_state`; `update_state` calls it.

        Args:
            config: names the thread.
            supersteps: for each superstep, its updates.

        Returns:
            The configuration of the new checkpoint.

        Raises:
            InputError: a value has the wrong form, names no path, or holds a token id that no model has.
            SettingsError: `params` are no settings of a run.
        """
        self._check_updates(supersteps)
        return super().bulk_update_state(config, supersteps)

    async def abulk_update_state(self, config: Any, supersteps: Sequence[Sequence[Any]]) -> Any:
        """As `bulk_update_state`."""
        self._check_updates(supersteps)
        return await super().abulk_update_state(config, supersteps)

    def check_stored(self, values: Mapping[str, Any], thread_id: str, *, begun: bool = False) -> None:
        """Refuse a stored state that no run of this graph can have reached.

        Args:
            values: the state.
            thread_id: the thread that it is stored under.
            begun: whether the first node must have ended.

        Raises:
            CheckpointError: something in it is missing, or has the wrong form.
        """
        try:
            check_state(values, self.path_names, begun=begun)
        except ValueError as error:
            raise CheckpointError(f"thread_id={thread_id!r}: what is stored of this run is damaged: {error}") from error

    def check_command(self, values: Any) -> None:
        """Refuse a command that writes what no node could have written.

        Args:
            values: the input of a call.

        Raises:
            InputError: as `bulk_update_state`.
            SettingsError: as `bulk_update_state`.
        """
        if isinstance(values, Command):
            check_update(values.update, self.path_names, self._vocabularies(values.update))

    def check_resumed(self, stored: CheckpointTuple | None, state: StateSnapshot, thread_id: str) -> None:
        """As `check_stored`, also of the stored results of tasks whose superstep is not over.

        Args:
            stored: the checkpoint that a run goes on from.
            state: its state.
            thread_id: the thread that they are stored under.

        Raises:
            CheckpointError: something has the wrong form.
        """
        self.check_stored(state.values, thread_id)
        try:
            for _, channel, value in (stored and stored.pending_writes) or ():
                if channel == _TASK_RESULT:
                    check_task_result(value)
                else:
                    check_update({channel: value}, self.path_names)
        except ValueError as error:
            raise CheckpointError(f"thread_id={thread_id!r}: what is stored of this run is damaged: {error}") from error

    def get_state(self, config: Any, *, subgraphs: bool = False) -> StateSnapshot:
        """As `Pregel.get_state`; a damaged state raises a `CheckpointError`."""
        with _named(config):
            return super().get_state(config, subgraphs=subgraphs)

    async def aget_state(self, config: Any, *, subgraphs: bool = False) -> StateSnapshot:
        """As `get_state`."""
        with _named(config):
            return await super().aget_state(config, subgraphs=subgraphs)

    def get_state_history(self, config: Any, **options: Any) -> Iterator[StateSnapshot]:
        """As `Pregel.get_state_history`; a damaged state raises a `CheckpointError`."""
        with _named(config):
            yield from super().get_state_history(config, **options)

    async def aget_state_history(self, config: Any, **options: Any) -> AsyncIterator[StateSnapshot]:
        """As `get_state_history`."""
        with _named(config):
            async for state in super().aget_state_history(config, **options):
                yield state

    def _check_updates(self, supersteps: Sequence[Sequence[Any]]) -> None:
        for update in (update for updates in supersteps for update in updates):
            values, node = [*update, None][:2]
            # A copy's values are a list of writes with their nodes.
            for written in [value for value, _ in values or ()] if node == "__copy__" else [values]:
                if node != "__input__":
                    check_update(written, self.path_names, self._vocabularies(written))

    def _vocabularies(self, written: Any) -> dict[str, int]:
        keys = [key for key in written if isinstance(key, str)] if isinstance(written, Mapping) else []
        names = [key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX)]
        engines: Mapping[str, Any] = self.builder.run.engines  # type: ignore[attr-defined]
        return {name: len(engines[name].tokenizer) for name in names if name in engines}


@contextmanager
def _named(config: Any) -> Iterator[None]:
    """Name the run whose stored writes are such that LangGraph cannot put them together."""
    try:
        yield
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        thread = ((config or {}).get("configurable") or {}).get("thread_id")
        if thread is None:
            raise
        reason = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"thread_id={thread!r}: what is stored of this run is damaged: {reason}") from error
