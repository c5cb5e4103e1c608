"""What a saver reads and writes, checked and, with a key, sealed row by row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_metadata,
)

from peerleap.graph.checkpoints.serializer import SealedCheckpoint, StrictSerializer
from peerleap.graph.errors import CheckpointError, InputError

# Metadata of ours, such as the recipe of a run: with a key, they are encrypted, too.
_OURS = "leap_"
_FIELDS = {"id": str, "ts": str, "channel_values": dict, "channel_versions": dict, "versions_seen": dict}


class SealingSaver(BaseCheckpointSaver[Any]):
    """A saver, mixed in before LangGraph's, whose values pass through a `StrictSerializer`.

    What cannot be read raises a `CheckpointError` that names the run.
    """

    name: str
    """Where the runs are, as messages show it; the same for every checkpointer over this database."""
    serde: StrictSerializer

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's.

        Args:
            config: names the thread, and the checkpoint unless it is the latest.

        Returns:
            The checkpoint; `None` where there is none.

        Raises:
            CheckpointError: it cannot be read.
        """
        thread = thread_of(config)
        with self._reading(thread):
            found = super().get_tuple(config)
            return None if found is None else self._opened(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As LangGraph's.

        Args:
            config: names the thread; all threads without it.
            filter: metadata that the checkpoints must have.
            before: names a checkpoint; only earlier ones are listed.
            limit: maximum number of checkpoints.

        Yields:
            Checkpoints, the newest first.

        Raises:
            CheckpointError: one of them cannot be read.
        """
        thread = None if config is None else thread_of(config)
        with self._reading(thread):
            for found in super().list(config, filter=filter, before=before, limit=limit):
                yield self._opened(found)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's.

        Args:
            config: names the thread and the parent checkpoint.
            checkpoint: what to store.
            metadata: its metadata; those of the configuration are added.
            new_versions: versions of the channels that are new in it.

        Returns:
            The configuration that names the new checkpoint.

        Raises:
            CheckpointError: it cannot be stored.
        """
        place = (thread_of(config), str(config["configurable"].get("checkpoint_ns", "")), checkpoint["id"])
        if self.serde.seals:
            merged: Mapping[str, Any] = get_checkpoint_metadata(config, metadata)
            ours = {
                k: self.serde.seal_text(str(v), "meta", k, *place) for k, v in merged.items() if k.startswith(_OURS)
            }
            metadata = {**metadata, **ours}  # type: ignore[typeddict-item]
            checkpoint, new_versions = self._sealed(checkpoint, new_versions, place)
        return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As LangGraph's.

        Args:
            config: names the checkpoint that the task follows.
            writes: channels and values.
            task_id: the task.
            task_path: its path, by which LangGraph orders tasks.

        Raises:
            CheckpointError: they cannot be stored.
        """
        place = _place(config)
        sealed = [(key, self.serde.seal(value, "write", *place, task_id, key)) for key, value in writes]
        super().put_writes(config, sealed, task_id, task_path)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As LangGraph's.

        Args:
            config: names the checkpoint whose state is read.
            channels: the channels to read.

        Returns:
            For each channel, the writes that its value consists of, the oldest first.

        Raises:
            CheckpointError: an ancestor cannot be read.
        """
        with self._reading(thread_of(config)):
            if self.serde.seals:  # LangGraph's shortcut gives no row's place
                return BaseCheckpointSaver.get_delta_channel_history(self, config=config, channels=channels)
            return super().get_delta_channel_history(config=config, channels=channels)

    def _moved(self, stored: str, value: bytes, kind: str, source: str, target: str, *place: str) -> tuple[str, bytes]:
        """A sealed value of one thread, sealed for another."""
        opened = self.serde.open(self.serde.loads_typed((stored, value)), kind, source, *place)
        return self.serde.dumps_typed(self.serde.seal(opened, kind, target, *place))

    def _moved_metadata(self, metadata: dict[str, Any], source: str, target: str, *place: str) -> dict[str, Any]:
        """Metadata of one thread, those of ours sealed for another."""
        ours = {key: value for key, value in metadata.items() if key.startswith(_OURS)}
        for key, value in ours.items():
            text = self.serde.open_text(value, "meta", key, source, *place)
            ours[key] = self.serde.seal_text(text, "meta", key, target, *place)
        return {**metadata, **ours}

    @contextmanager
    def _reading(self, thread_id: str | None) -> Iterator[None]:
        """Name the run where something stored of it cannot be read."""
        try:
            yield
        except (InputError, GeneratorExit):
            raise
        except CheckpointError as error:
            if thread_id is None or f"thread_id={thread_id!r}" in str(error):
                raise
            where = "" if self.name in str(error) else f" in {self.name!r}"
            raise CheckpointError(f"thread_id={thread_id!r}{where} cannot be read: {error}") from error
        except Exception as error:
            what = f"thread_id={thread_id!r} in {self.name!r}" if thread_id else f"a run in {self.name!r}"
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"{what} is damaged: {type(error).__name__}: {reason}") from error

    def _opened(self, found: CheckpointTuple) -> CheckpointTuple:
        place = _place(found.config)
        checkpoint: Any = self._unsealed(found.checkpoint, place) if self.serde.seals else found.checkpoint
        if not isinstance(checkpoint, dict) or not isinstance(found.metadata, dict):
            raise CheckpointError("a checkpoint of it is none")
        for key, kind in _FIELDS.items():
            if not isinstance(checkpoint.get(key), kind):
                raise CheckpointError(f"a checkpoint of it has {key}={checkpoint.get(key)!r:.40}")
        if checkpoint["id"] != place[-1]:
            raise CheckpointError(f"checkpoint {checkpoint['id']!r:.60} stands in the row of {place[-1]!r}")
        writes = [
            (task, key, self.serde.open(value, "write", *place, task, key))
            for task, key, value in found.pending_writes or ()
        ]
        if self.serde.seals:
            ours = {key: value for key, value in found.metadata.items() if key.startswith(_OURS)}
            opened = {key: self.serde.open_text(value, "meta", key, *place) for key, value in ours.items()}
            found = found._replace(metadata={**found.metadata, **opened})  # type: ignore[typeddict-item]
        return found._replace(checkpoint=cast("Checkpoint", checkpoint), pending_writes=writes)

    def _sealed(
        self, checkpoint: Checkpoint, new_versions: ChannelVersions, place: tuple[str, ...]
    ) -> tuple[Any, ChannelVersions]:
        """The checkpoint as a saver stores it with a key; a saver that stores channels apart overrides both."""
        return SealedCheckpoint(checkpoint["id"], self.serde.seal(checkpoint, "checkpoint", *place)), new_versions

    def _unsealed(self, stored: Any, place: tuple[str, ...]) -> Any:
        """What `_sealed` was given."""
        return self.serde.open(stored, "checkpoint", *place)


def thread_of(config: RunnableConfig) -> str:
    """The thread that a configuration names.

    Args:
        config: with a `thread_id`.

    Returns:
        The thread's id.

    Raises:
        InputError: the id cannot be stored.
    """
    thread = str(config["configurable"]["thread_id"])
    check_thread_id(thread)
    return thread


def check_thread_id(thread_id: str) -> None:
    """Refuse an id that a database cannot store.

    Args:
        thread_id: the id.

    Raises:
        InputError: it holds a NUL or half of a character pair.
    """
    try:
        thread_id.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"thread_id={thread_id!r}: it cannot be stored ({error.reason}); give another name") from error
    if "\x00" in thread_id:
        raise InputError(f"thread_id={thread_id!r}: it cannot be stored (a NUL character); give another name")


def _place(config: RunnableConfig) -> tuple[str, str, str]:
    configurable = config["configurable"]
    return (
        str(configurable["thread_id"]),
        str(configurable.get("checkpoint_ns", "")),
        str(configurable.get("checkpoint_id", "")),
    )
