"""A LangGraph checkpointer with what runs need beyond checkpoints: locks, notes, careful deletion."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from peerleap.graph.checkpoints.pending_writes import write_shielded, writes_in_progress
from peerleap.graph.checkpoints.pruning import Stored, beside_latest, only_of_runs
from peerleap.graph.errors import CheckpointError, InputError

KEY_VARIABLE = "LANGGRAPH_AES_KEY"
# Texts of the serializer and the cipher where the key is a different one, or missing.
_OTHER_KEY = ("MAC check failed", "+aes")


class Checkpointer(BaseCheckpointSaver[Any]):
    """A checkpointer over one database, for `invoke` and `ainvoke`, on any thread and any event loop.

    LangGraph's own savers serve either sync or async callers. The async methods of this one run the sync ones in
    worker threads.
    """

    name: str
    """Where the runs are, as messages show it; the same for every checkpointer over this database."""

    def hold(self, thread_id: str) -> AbstractContextManager[None]:
        """Keep other processes from running this thread; a process that dies releases it.

        Args:
            thread_id: the thread to lock.

        Raises:
            ThreadBusy: another process runs this thread.
        """
        raise NotImplementedError

    def writing(self, thread_id: str) -> list[Future[None]]:
        """Writes in progress for a thread, by runs that may be over: futures that are done when they are."""
        return writes_in_progress(self.name, thread_id)

    def threads(self) -> list[str]:
        """Ids of the stored threads, the most recently used first."""
        raise NotImplementedError

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """Store the `number`-th request or tool call of a task whose result is not stored yet.

        Args:
            thread_id: the run's thread.
            namespace: the checkpoint namespace of the task's graph.
            task_id: LangGraph's id of the task.
            number: position of the entry, from 0.
            entry: what was done, as JSON-like data.
        """
        raise NotImplementedError

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """The entries of a task, in order."""
        raise NotImplementedError

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """Delete the entries of all tasks of a graph: their results are stored."""
        raise NotImplementedError

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what a server's runs have stored, as when they are rolled back.

        Checkpoints that another run continued from stay: its histories begin in them.

        Args:
            run_ids: the `run_id` in the metadata of the checkpoints.
        """
        runs = frozenset(map(str, run_ids))
        self._delete_some(self._threads_of(runs), lambda stored: only_of_runs(stored, runs))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete threads, or all of their checkpoints that the latest state is not read from.

        Args:
            thread_ids: the threads.
            strategy: `keep_latest`, or `delete` for everything.

        Raises:
            ValueError: `strategy` is neither `keep_latest` nor `delete`.
        """
        threads = [str(thread) for thread in thread_ids]
        if strategy == "keep_latest":
            self._delete_some(threads, beside_latest)
        elif strategy == "delete":
            for thread in threads:
                self.delete_thread(thread)
        else:
            raise ValueError(f"strategy={strategy!r}: choose 'keep_latest' or 'delete'")

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, notes included, to an unused id.

        The copy belongs to no run: it stays when a run of the original is deleted.

        Args:
            source_thread_id: the thread to copy.
            target_thread_id: id of the copy.

        Raises:
            InputError: there is a run under the target's id.
        """
        target: RunnableConfig = {"configurable": {"thread_id": target_thread_id, "checkpoint_ns": ""}}
        if self.get_tuple(target) is not None:
            raise InputError(f"thread_id={target_thread_id!r}: there is a run of this name; choose another name")
        self._copy(source_thread_id, target_thread_id)

    def _copy(self, source: str, target: str) -> None:
        """Copy all that is stored under a thread's id, without the `run_id` of its writer."""
        raise NotImplementedError

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        """Ids of the threads with checkpoints of these runs."""
        raise NotImplementedError

    def _delete_some(self, threads: Sequence[str], choose: Callable[[Collection[Stored]], list[Stored]]) -> None:
        """Delete the chosen checkpoints of the threads, and the notes of the graphs that wrote them."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the database; what is stored stays."""
        raise NotImplementedError

    def _check_key(self, error: Exception) -> None:
        """Name the cause where an error comes from a key that is not the one with which runs were stored."""
        if any(text in str(error) for text in _OTHER_KEY):
            which = "with another key than that of" if os.environ.get(KEY_VARIABLE) else "and there is no key in"
            raise CheckpointError(f"runs in {self.name!r} are encrypted, {which} {KEY_VARIABLE}; set theirs") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `get_tuple`."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As `list`."""

        def read() -> Sequence[CheckpointTuple]:
            return [*self.list(config, filter=filter, before=before, limit=limit)]

        for found in await asyncio.to_thread(read):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `put`."""
        thread_id = str(config["configurable"]["thread_id"])
        return await write_shielded(self.name, thread_id, self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `put_writes`."""
        thread_id = str(config["configurable"]["thread_id"])
        await write_shielded(self.name, thread_id, self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """As `delete_thread`."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As `prune`."""
        await asyncio.to_thread(self.prune, thread_ids, strategy=strategy)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As `get_delta_channel_history`."""
        return await asyncio.to_thread(self.get_delta_channel_history, config=config, channels=channels)
