"""How one call is configured for LangGraph: its events, its settings, what its check has prepared."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from peerleap.graph.checkpoints import Checkpointer
from peerleap.graph.errors import CheckpointError, InputError
from peerleap.graph.events import EventBuffer, buffer_config
from peerleap.graph.langgraph_keys import STREAMED, newest
from peerleap.graph.prepare import PREPARED, Prepared
from peerleap.graph.settings import Settings, as_settings
from peerleap.tools import RunScope, scope_config

# Name of the settings of a run in the metadata of its checkpoints.
_SETTINGS = "leap_settings"


def configurable(*configs: Any) -> dict[str, Any]:
    """The `configurable` of configurations, the later before the earlier."""
    return {key: value for config in configs for key, value in ((config or {}).get("configurable") or {}).items()}


def entered(thread: str, fields: Mapping[str, Any]) -> RunnableConfig:
    """Configuration of the checkpoint that a run goes on from: the latest, or an earlier one that `fields` names."""
    found = newest(thread)
    if earlier := fields.get("checkpoint_id"):
        found["configurable"]["checkpoint_id"] = earlier
    return found


def stream_modes(options: Mapping[str, Any], usual: Any) -> set[str]:
    """What a call streams or prints; `usual` where its options name no mode."""
    modes = (options.get("stream_mode") or usual, options.get("print_mode") or ())
    return {name for mode in modes for name in ([mode] if isinstance(mode, str) else mode)}


def event_buffer(modes: Collection[str], configurable: Mapping[str, Any]) -> EventBuffer:
    """The buffer of a call's events, given its stream modes and what it is configured with."""
    # Where a graph around this one streams ours, too, it is that one's queue which is read.
    around = STREAMED in configurable
    return EventBuffer(read_at_all="custom" in modes or around, sees_reads="custom" in modes)


def call_config(
    config: Any, buffer: EventBuffer, scope: RunScope | None, settings: Settings | None, prepared: Prepared | None
) -> dict[str, Any]:
    """The configuration that LangGraph runs a call with.

    Args:
        config: the caller's.
        buffer: of the run's events.
        scope: what the run holds open.
        settings: to be stored with every checkpoint. The context is not part of one, and the first node can be
            interrupted before it has copied it; a resumed run stores checkpoints before its first node is done, too.
        prepared: what the check of the call has prepared, so that the first node need not do it again.
    """
    run = dict(config or {}) if scope is None else dict(scope_config(config, scope))
    if settings is not None:
        text = settings.model_dump_json(exclude_unset=True)
        run["metadata"] = {**(run.get("metadata") or {}), _SETTINGS: text}
    run = dict(buffer_config(run, buffer))
    if prepared is not None:
        run["configurable"] = {**run["configurable"], PREPARED: prepared}
    return run


def stored_settings(entered: Any, stored: CheckpointTuple | None, settings: Settings | None) -> Settings | None:
    """The settings to go on with: those of the call, else those that were stored with the run.

    Raises:
        InputError: nothing is stored where the call goes on from.
        CheckpointError: the stored settings are damaged.
    """
    if stored is None:
        thread, checkpoint = entered["configurable"]["thread_id"], entered["configurable"].get("checkpoint_id")
        what = "run is" if checkpoint is None else f"checkpoint_id={checkpoint!r} is"
        raise InputError(f"thread_id={thread!r}: no {what} stored under this name, so there is nothing to resume")
    text: Any = stored.metadata.get(_SETTINGS)
    if settings is not None or not text:
        return settings
    try:
        return as_settings(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        thread = entered["configurable"]["thread_id"]
        raise CheckpointError(f"thread_id={thread!r}: the stored settings of this run are damaged: {error}") from error


def durable(options: Mapping[str, Any], checkpointer: object) -> dict[str, Any]:
    """The options of a call with how its checkpoints are stored: before the next superstep begins."""
    if isinstance(checkpointer, BaseCheckpointSaver):
        # Histories are stored by what is new in them, so waiting costs next to nothing. A `Checkpointer` deletes its
        # notes of a round when the round is stored, which "async" would not wait for.
        durability = options.get("durability") or "sync"
        if durability == "async" and isinstance(checkpointer, Checkpointer):
            durability = "sync"
        return {**options, "durability": durability}
    # A server says `async` where nothing is stored, too, and LangGraph warns of it.
    return {key: value for key, value in options.items() if (key, value) != ("durability", "async")}
