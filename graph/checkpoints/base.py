"""A LangGraph checkpointer with what runs need beyond checkpoints: locks, notes, careful deletion."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from peerleap.graph.checkpoints.pending_writes import write_shielded, writes_in_progress
from peerleap.graph.checkpoints.pruning import PruningSaver
from peerleap.graph.checkpoints.serializer import KEY_VARIABLE
from peerleap.graph.errors import CheckpointError

# Namespace of the note by which a key is recognised.
_KEY_NOTE = "leap_key"


class Checkpointer(PruningSaver):
    """A checkpointer over one database, for `invoke` and `ainvoke`, on any thread and any event loop.

    LangGraph's own savers serve either sync or async callers. The async methods of this one run the sync ones in
    worker threads.
    """

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

    def close(self) -> None:
        """Close the database; what is stored stays."""
        raise NotImplementedError

    def check_key(self) -> None:
        """Refuse a key that is not the one of the runs here; the first key is remembered.

        Raises:
            CheckpointError: runs here are encrypted with another key.
        """
        if not self.serde.seals:
            return
        try:
            known = self.notes("", _KEY_NOTE, "")
        except CheckpointError as error:
            raise CheckpointError(
                f"runs in {self.name!r} are encrypted with another key than that of {KEY_VARIABLE}; set theirs"
            ) from error
        if not known:
            self.note("", _KEY_NOTE, "", 0, {"this": "key"})

    def _sealed_note(self, entry: dict[str, Any], *place: str) -> tuple[str, bytes]:
        return self.serde.dumps_typed(self.serde.seal(entry, "note", *place))

    def _opened_note(self, kind: str, value: bytes, *place: str) -> dict[str, Any]:
        entry: dict[str, Any] = self.serde.open(self.serde.loads_typed((kind, value)), "note", *place)
        return entry

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
