import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
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
from langgraph.checkpoint.serde.base import SerializerProtocol
from platformdirs import user_data_path

from peerleap.graph.checkpoints.pending_writes import seen_through, writes_under_way
from peerleap.graph.checkpoints.pruning import Stored, beside_latest, only_of_runs
from peerleap.graph.errors import InputError, StoreError

KEY_VARIABLE = "LANGGRAPH_AES_KEY"
# What the serializer and the cipher say where the key is another one, or there is none.
_OTHER_KEY = ("MAC check failed", "+aes")


class Store(BaseCheckpointSaver[Any]):
    """A checkpointer over one database, for `invoke` and `ainvoke` alike, on any thread and any event loop.

    LangGraph's own savers serve either sync or async callers. This one's async methods run the sync ones on threads.
    """

    name: str
    """Where the runs are: what its messages say, and the same for every store over this database."""

    def hold(self, thread_id: str) -> AbstractContextManager[None]:
        """Keep other processes from running this thread; ends with this process, however that ends.

        Raises:
            ThreadBusy: another process runs it.
        """
        raise NotImplementedError

    def writing(self, thread_id: str) -> list[Future[None]]:
        """What is being written for a thread, by runs that may be over: futures that are done when it is."""
        return writes_under_way(self.name, thread_id)

    def threads(self) -> list[str]:
        """Ids of the threads that are stored, the one used last first."""
        raise NotImplementedError

    def note(self, thread_id: str, namespace: str, task_id: str, number: int, entry: dict[str, Any]) -> None:
        """Keep the `number`-th thing that a task has done before its result is stored."""
        raise NotImplementedError

    def notes(self, thread_id: str, namespace: str, task_id: str) -> list[dict[str, Any]]:
        """What a task had done, in order."""
        raise NotImplementedError

    def drop_notes(self, thread_id: str, namespace: str) -> None:
        """Forget what the tasks of a graph had done: their results are stored."""
        raise NotImplementedError

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what a server's runs have stored, as when they are rolled back.

        Checkpoints that another run went on from stay: its histories begin in them.
        """
        runs = frozenset(map(str, run_ids))
        self._delete_some(self._threads_of(runs), lambda stored: only_of_runs(stored, runs))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete threads, or, to `keep_latest`, the checkpoints that their latest state does not come from.

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
        """Copy a thread, notes included, under an id of which nothing is stored.

        The copy belongs to no run: it stays when a run of the original is deleted.

        Raises:
            InputError: there is a run under the target's id.
        """
        target: RunnableConfig = {"configurable": {"thread_id": target_thread_id, "checkpoint_ns": ""}}
        if self.get_tuple(target) is not None:
            raise InputError(f"thread_id={target_thread_id!r}: there is a run of this name; choose another name")
        self._copy(source_thread_id, target_thread_id)

    def _copy(self, source: str, target: str) -> None:
        """Copy all that is stored under a thread's id, but for what says which run wrote it."""
        raise NotImplementedError

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        """Ids of the threads in which these runs have stored something."""
        raise NotImplementedError

    def _delete_some(self, threads: Sequence[str], choose: Callable[[Collection[Stored]], list[Stored]]) -> None:
        """Delete those checkpoints of the threads that are chosen, and the notes of the graphs that wrote them."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the database; what is stored stays."""
        raise NotImplementedError

    def _check_key(self, error: Exception) -> None:
        """Say so where an error comes from a key that is not the one with which runs were stored."""
        if any(told in str(error) for told in _OTHER_KEY):
            given = "with another key than that of" if os.environ.get(KEY_VARIABLE) else "and there is no key in"
            raise StoreError(f"runs in {self.name!r} are encrypted, {given} {KEY_VARIABLE}; set theirs") from error

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
        return await seen_through(self.name, thread_id, self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `put_writes`."""
        thread_id = str(config["configurable"]["thread_id"])
        await seen_through(self.name, thread_id, self.put_writes, config, writes, task_id, task_path)

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


def runs_location() -> str:
    """Where runs are kept unless somebody says otherwise: `PEERLEAP_RUNS`, else a file in the user's data folder."""
    return os.environ.get("PEERLEAP_RUNS") or str(user_data_path("peerleap") / "runs.sqlite")


def open_store(where: str | Path | None = None) -> Store:
    """Open, or create, the place where runs are kept; give it to `compile(checkpointer=...)`.

    With `LANGGRAPH_AES_KEY` set (16, 24 or 32 bytes), what paths and people wrote is encrypted at rest; thread ids,
    the model's name and times are not.

    Args:
        where: an SQLite file, or a `postgresql://` address; `runs_location()` unless given.

    Raises:
        StoreError: it cannot be opened, a package for it is missing, or the key is not one.
    """
    place = str(where or runs_location())
    serde = _encryption()
    if place.startswith(("postgresql://", "postgres://")):
        from peerleap.graph.checkpoints.postgres import PostgresStore

        return PostgresStore.open(place, serde)
    from peerleap.graph.checkpoints.sqlite import SqliteStore

    return SqliteStore.open(Path(place).expanduser(), serde)


def _encryption() -> SerializerProtocol | None:
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        return None
    if (size := len(key.encode())) not in {16, 24, 32}:
        raise StoreError(f"{KEY_VARIABLE}: the key has {size} bytes; it must have 16, 24 or 32")
    from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

    try:
        return EncryptedSerializer.from_pycryptodome_aes()
    except ImportError as error:
        raise StoreError(
            f"{KEY_VARIABLE} is set, and encryption needs a package: pip install 'peerleap[encryption]'"
        ) from error
