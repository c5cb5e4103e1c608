"""Deletes and copies checkpoints such that all others stay readable.

A checkpoint stores only what is new in a history, so a state is read from all of its ancestors. Where ancestors are
deleted, what a later state is read from is first compacted into it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import DeltaChannelHistory

from peerleap.graph.checkpoints.sealing import SealingSaver, thread_of
from peerleap.graph.errors import CheckpointError, InputError


class Stored(NamedTuple):
    """What is known of a stored checkpoint without deserializing it."""

    thread_id: str
    namespace: str
    checkpoint_id: str
    """Those written later sort after those written earlier."""
    parent_id: str | None
    run_id: str | None
    """Of the server's run that wrote it, if a server did."""


class Compacted(NamedTuple):
    """One channel's history up to a checkpoint whose ancestors are deleted."""

    thread_id: str
    namespace: str
    checkpoint_id: str
    channel: str
    kind: str
    value: bytes


class PruningSaver(SealingSaver):
    """A saver that can forget ancestors."""

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete what a server's runs have stored, as when they are rolled back.

        Later states that another run has stored stay readable.

        Args:
            run_ids: the `run_id` in the metadata of the checkpoints.

        Raises:
            CheckpointError: a state that stays cannot be read, so nothing was deleted.
        """
        runs = frozenset(map(str, run_ids))
        self._delete_some(self._threads_of(runs), lambda stored: [one for one in stored if one.run_id in runs])

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete threads, or all checkpoints but the latest of each thread and namespace.

        Args:
            thread_ids: the threads.
            strategy: `keep_latest`, or `delete` for everything.

        Raises:
            ValueError: `strategy` is neither `keep_latest` nor `delete`.
            CheckpointError: the latest state cannot be read, so nothing was deleted.
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
        if self.get_tuple({"configurable": {"thread_id": target_thread_id, "checkpoint_ns": ""}}) is not None:
            raise InputError(f"thread_id={target_thread_id!r}: a run of this name exists; choose another name")
        self._copy(source_thread_id, target_thread_id)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As LangGraph's; ancestors that were deleted are read from what they were compacted into.

        Args:
            config: names the checkpoint whose state is read.
            channels: the channels to read.

        Returns:
            For each channel, the writes that its value consists of, the oldest first.

        Raises:
            CheckpointError: an ancestor cannot be read, or the checkpoint is its own ancestor.
        """
        thread, namespace = thread_of(config), str(config["configurable"].get("checkpoint_ns", ""))
        parents = self._parents(thread, namespace)
        target = config["configurable"].get("checkpoint_id") or max(parents, default="")
        root, seen = target, {target}
        while (parent := parents.get(root)) in parents:
            if parent in seen:
                raise CheckpointError(
                    f"thread_id={thread!r} in {self.name!r} is damaged: {parent!r} descends from itself"
                )
            seen.add(parent)
            root = parent
        place: RunnableConfig = {
            "configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": target}
        }
        found = dict(super().get_delta_channel_history(config=place, channels=channels))
        with self._reading(thread):
            for channel, history in self._compacted(thread, namespace, root).items():
                if channel in found and "seed" not in found[channel]:
                    writes = [(task, channel, value) for task, value in history["writes"]]
                    found[channel] = {**history, "writes": [*writes, *found[channel]["writes"]]}  # type: ignore[typeddict-item]
        return found

    def _delete_some(self, threads: Sequence[str], choose: Callable[[Collection[Stored]], list[Stored]]) -> None:
        stored = self._stored(threads)
        deleted = choose(stored)
        if deleted:
            heirs = orphans(stored, deleted)
            self._delete(deleted, heirs, [row for one in heirs for row in self._compact(one)])

    def _compact(self, heir: Stored) -> list[Compacted]:
        """What the state of a checkpoint is read from in its ancestors."""
        place: RunnableConfig = {
            "configurable": dict(zip(("thread_id", "checkpoint_ns", "checkpoint_id"), heir, strict=False))
        }
        found = self.get_tuple(place)
        if found is None:
            return []
        values = found.checkpoint["channel_values"]
        channels = [key for key in found.checkpoint["channel_versions"] if key not in values]
        rows = []
        for channel, history in self.get_delta_channel_history(config=place, channels=channels).items():
            writes = [(task, value) for task, _, value in history["writes"]]
            if writes or "seed" in history:
                sealed = self.serde.seal({**history, "writes": writes}, "compacted", *heir[:3], channel)
                rows.append(Compacted(*heir[:3], channel, *self.serde.dumps_typed(sealed)))
        return rows

    def _compacted(self, thread_id: str, namespace: str, checkpoint_id: str) -> dict[str, Any]:
        place = (thread_id, namespace, checkpoint_id)
        return {
            channel: self.serde.open(self.serde.loads_typed((kind, value)), "compacted", *place, channel)
            for channel, kind, value in self._compacted_rows(*place)
        }

    def _compacted_rows(self, thread_id: str, namespace: str, checkpoint_id: str) -> list[tuple[str, str, bytes]]:
        """Channel, kind and value of what was compacted into a checkpoint."""
        raise NotImplementedError

    def _parents(self, thread_id: str, namespace: str) -> dict[str, str | None]:
        """The parent of each checkpoint of a thread."""
        raise NotImplementedError

    def _stored(self, threads: Sequence[str]) -> list[Stored]:
        """The checkpoints of the threads."""
        raise NotImplementedError

    def _threads_of(self, runs: Collection[str]) -> list[str]:
        """Ids of the threads with checkpoints of these runs."""
        raise NotImplementedError

    def _delete(self, deleted: Collection[Stored], heirs: Collection[Stored], rows: Sequence[Compacted]) -> None:
        """Delete checkpoints, their writes and notes of their graphs; heirs get the rows and lose their parent."""
        raise NotImplementedError

    def _copy(self, source: str, target: str) -> None:
        """Copy all that is stored under a thread's id, without the `run_id` of its writer."""
        raise NotImplementedError


def beside_latest(stored: Collection[Stored]) -> list[Stored]:
    """All but the latest checkpoint of each thread and namespace.

    Args:
        stored: the checkpoints of some threads.

    Returns:
        The earlier checkpoints.
    """
    latest: dict[tuple[str, str], Stored] = {}
    for one in sorted(stored, key=lambda one: one.checkpoint_id):
        latest[one.thread_id, one.namespace] = one
    return [one for one in stored if latest[one.thread_id, one.namespace] is not one]


def orphans(stored: Collection[Stored], deleted: Collection[Stored]) -> list[Stored]:
    """Checkpoints that stay but lose their parent.

    Args:
        stored: the checkpoints of some threads.
        deleted: those of them that are deleted.

    Returns:
        The children of deleted checkpoints that are not deleted themselves.
    """
    gone = {one[:3] for one in deleted}
    return [
        one
        for one in stored
        if one[:3] not in gone
        # What descends from itself is damaged: to compact it raises, before anything is deleted.
        and ((one.thread_id, one.namespace, one.parent_id or "") in gone or one.parent_id == one.checkpoint_id)
    ]
