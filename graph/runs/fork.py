"""Counterfactuals: a stored run, run again from one of its LeaP blocks with something changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Overwrite, StateSnapshot

from peerleap.agents import Sampling
from peerleap.graph.budget import fit_context
from peerleap.graph.checkpoints import one_run
from peerleap.graph.compiled import CompiledLeapGraph
from peerleap.graph.errors import InputError, SettingsError
from peerleap.graph.history import Segment, storable
from peerleap.graph.langgraph_keys import newest
from peerleap.graph.leap_block import PERSON, Summarized, close_block
from peerleap.graph.path import Path
from peerleap.graph.runs.run import unfinished_nodes
from peerleap.graph.settings import RunSettings, Settings, as_run_settings, as_settings
from peerleap.graph.state import Summary, history_key

# Decided before the first token.
_FIXED = ("preset", "task", "human_peer")
# Blocks at a fixed interval; the alternative is `communicate_at`.
_EVERY = ("interval", "rounds")


def fork(
    graph: CompiledLeapGraph,
    config: Any,
    *,
    round: int,  # noqa: A002
    settings: Settings | Mapping[str, Any] | None = None,
    drop: Collection[str] = (),
    edit: Mapping[str, str] | None = None,
    hint: str | None = None,
    thread_id: str | None = None,
) -> RunnableConfig:
    """Create a thread that shares a stored run up to a LeaP block; `graph.invoke(None, forked)` runs the rest.

    The block is repeated with the summaries that were written in it: they are routed again, and each path gets a new
    `comment` segment. The token ids before it stay the same, so the prefix cache serves them. The original run is not
    changed. Where `talk` is or was `disagree` or `probe`, or changes, the block is held anew from its beginning.

    Args:
        graph: compiled with the checkpointer that holds the run; its paths must be those of the run.
        config: the run's configuration, with its `thread_id`.
        round: the block's number, as in `rounds[i]["round"]`; 0 is the first.
        settings: settings that change from this block on, such as `{"router": "random"}`; `communicate_at` replaces
            `interval` and `rounds`, and vice versa.
        drop: paths removed from this block on: no peer reads them, they stop, and they do not vote.
        edit: by path, the text that its peers read in this block instead of its summary; its own history is unchanged.
        hint: a text that every remaining path reads in this block, besides its peers' summaries.
        thread_id: name of the new thread; a UUID by default.

    Returns:
        The configuration of the new thread.

    Raises:
        InputError: no such run, round or path, or the new thread exists.
        SettingsError: a setting is unknown, out of range, or cannot change in the middle of a run.
    """
    if not isinstance(round, int):
        raise InputError(f"round={round!r}: give the number of a LeaP block, 0 for the first")
    saver = graph.checkpointer
    if not isinstance(saver, BaseCheckpointSaver):
        raise InputError("fork: this graph has no checkpointer, so no run is stored; compile it with one")
    thread = str((config.get("configurable") or {}).get("thread_id") or "")
    target = str(thread_id or uuid4())
    before, after = _around(graph, saver, thread, round)
    values = before.values
    drop, edit = [drop] if isinstance(drop, str) else drop, {} if edit is None else edit
    if not isinstance(edit, Mapping):
        raise InputError(f"edit={edit!r}: give a mapping from paths to texts")
    status = {name: path for name, path in values["status"].items() if name not in drop}
    _check_names("drop", drop, values["status"])
    _check_names("edit", edit, status)
    if not status:
        raise InputError(f"drop={sorted(drop)}: no path would be left")
    changed = _settings(values["params"], {} if settings is None else settings)
    paths = {name: graph.path(name, {**values, "params": changed.model_dump(mode="json")}) for name in status}
    for name, path in paths.items():
        tools = any(path.peer.tools for path in paths.values())
        size = len(values[history_key(name)][0]["token_ids"])
        room: Any = {"model": path.engine.model, "context": path.engine.context_length, "prompt": size}
        fit_context(changed, changed, **room, bare_prompt=partial(int, size), paths=len(paths), tools=tools)
    texts = {name: _checked_text(path, edit.get(name), f"edit[{name!r}]") for name, path in paths.items()}
    edits = {name: text for name, text in texts.items() if text is not None}
    hint = _checked_text(next(iter(paths.values())), hint, "hint")
    update: dict[str, Any] = {}
    why = "has not run yet"
    talks = {values["params"].get("talk", "always"), changed.talk}
    if after is not None and (len(talks) > 1 or "probes" in after.values["rounds"][-1]):
        after, why = None, "is held anew, since talk decides whom it interrupts"
    if after is None:
        if edits or hint:
            raise InputError(f"round={round}: this LeaP block {why}, so there is nothing to edit")
        node = next(iter(status))  # the barrier follows every path
    else:
        histories = {name: values[history_key(name)] for name in status}
        summarized = _summarized(values, after.values, status, round)
        person = after.values["rounds"][-1]["summaries"].get(PERSON, {}).get("text")
        others: Any = {"records": values["rounds"], "person": person, "edits": edits, "hint": hint}
        update = close_block(paths, histories, status, summarized, round, lambda _: None, **others)
        status |= update.pop("status")
        node = "leap_block"
    grown = {key: [*values[key], *update.pop(key, [])] for key in map(history_key, status)}
    grown["rounds"] = [*values["rounds"], *update.pop("rounds", [])]
    shared = {key: values[key] for key in ("problem", "task", "round", "last_round")}
    fresh: Any = {
        "configurable": {"thread_id": target},
        "metadata": {"forked_from": thread, "forked_at": round, **_metadata(before)},
    }
    with one_run(saver, target):
        if saver.get_tuple(newest(target)) is not None:
            raise InputError(f"thread_id={target!r}: a run of this name exists; choose another name or delete it")
        graph.update_state(
            fresh,
            {
                **shared,
                **update,
                **{key: Overwrite(value) for key, value in grown.items()},
                "params": changed.model_dump(mode="json"),
                "status": Overwrite(status),
                "messages": values.get("messages", []),
                "answer": None,
                "votes": [],
                "paths": {},
            },
            as_node=node,
        )
    return {"configurable": {"thread_id": target}}


def _around(
    graph: CompiledLeapGraph, saver: BaseCheckpointSaver[Any], thread: str, number: int
) -> tuple[StateSnapshot, StateSnapshot | None]:
    """The checkpoints before and after a LeaP block."""
    found: dict[str, Any] = {"before": None, "after": None}
    reached = set()
    for stored in _question(saver, thread):
        at = stored.checkpoint["channel_values"].get("round")
        if isinstance(at, int):
            reached.add(at)
        if at == number + 1:
            found["after"] = stored.config  # the oldest of them is the last one seen
        elif at == number and found["before"] is None:
            found["before"] = stored.config
    if not reached:
        raise InputError(f"thread_id={thread!r}: no run is stored under this name")
    before = graph.get_state(found["before"]) if found["before"] else None
    after = graph.get_state(found["after"]) if found["after"] else None
    latest = graph.get_state(newest(thread))
    for state in (before, after, latest):
        if state is not None:
            graph.check_stored(state.values, thread, begun=True)
    records = latest.values.get("rounds", [])
    shared = [record["round"] for record in records if record["round"] in reached]
    if before is None or unfinished_nodes(before) != ["leap_block"] or (after is not None and number not in shared):
        there = f"it has {', '.join(map(str, shared))}" if shared else "it has none"
        raise InputError(f"round={number!r}: the run {thread!r} has no such LeaP block of its own; {there}")
    return before, after


def _question(saver: BaseCheckpointSaver[Any], thread: str) -> Iterator[CheckpointTuple]:
    """The checkpoints that led to the thread's latest state, newest first, back to its question; no other branches."""
    # Read at once: a saver may hold a lock until its list has been read.
    found = {_checkpoint_id(stored.config): stored for stored in saver.list(newest(thread))}
    at = next(iter(found), None)
    while (stored := found.pop(at, None)) is not None:  # popped: a damaged one may be its own ancestor
        yield stored
        if stored.metadata.get("source") == "input":
            return
        at = _checkpoint_id(stored.parent_config)


def _checkpoint_id(config: Any) -> str | None:
    return None if config is None else config["configurable"]["checkpoint_id"]


def _summarized(
    before: Mapping[str, Any], after: Mapping[str, Any], status: Mapping[str, Any], number: int
) -> dict[str, Summarized]:
    """What each path wrote in the block, without the comment it then read."""
    shared: Mapping[str, Summary] = after["rounds"][-1]["summaries"]
    results = {}
    for name in (name for name, path in status.items() if path["state"] == "active"):
        key = history_key(name)
        end = next(n for n, s in enumerate([*after[key], None]) if s is None or s["round"] > number)
        new: Sequence[Segment] = after[key][len(before[key]) : end]
        if not new:
            raise InputError(f"round={number}: {name!r} has written nothing in this block; it cannot be forked")
        if name in shared:
            results[name] = Summarized(segments=list(new[:-1]), summary=shared[name], error=None)
        else:
            nothing = Summary(text="", tokens=0, cut=False)
            results[name] = Summarized(segments=list(new), summary=nothing, error=new[-1]["text"])
    return results


def _check_names(what: str, names: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise InputError(f"{what}: there is no path {unknown[0]!r}; there are {', '.join(known)}")


def _settings(stored: Mapping[str, Any], changes: Any) -> RunSettings:
    if isinstance(changes, Settings):
        changes = changes.model_dump(exclude_unset=True)
    if not isinstance(changes, Mapping):
        raise SettingsError(f"settings={changes!r}: give a mapping of the settings to change")
    for key in _FIXED:
        if key in changes:
            raise SettingsError(f"{key}={changes[key]!r}: cannot change in the middle of a run; start a new run")
    before = dict(stored)
    if changes.get("communicate_at") is not None:
        before |= dict.fromkeys(_EVERY)
    elif any(changes.get(key) is not None for key in _EVERY):
        before["communicate_at"] = None
    sampling = changes.get("sampling")
    if sampling is None or isinstance(sampling, Sampling | Mapping):
        own = {key: value for key, value in dict(sampling or {}).items() if value is not None}
        changes = {**changes, "sampling": {**stored["sampling"], **own}}
    changed = as_settings({**before, **changes})
    may_be_none = {"rounds", "communicate_at", *(_EVERY if changed.communicate_at is not None else ())}
    for key in changes.keys() | {"interval"}:
        if key not in may_be_none and getattr(changed, key) is None:
            advice = f"leave it out to keep the run's {stored[key]!r}" if stored[key] else "this run has none"
            raise SettingsError(f"{key}=None: a fork needs a value; {advice}")
    return as_run_settings(changed.model_dump())


def _checked_text(path: Path, text: str | None, what: str) -> str | None:
    if text is None:
        return None
    most = path.settings.summary_tokens
    if not isinstance(text, str):
        raise InputError(f"{what}={text!r}: give a text")
    if not (text := storable(text).strip()):
        raise InputError(f"{what}: give a text that is not empty")
    if (tokens := len(path.insert("comment", 0, text)["token_ids"])) > most:
        raise InputError(f"{what}: {tokens} tokens; a summary has at most {most} (summary_tokens)")
    return text


def _metadata(stored: StateSnapshot) -> dict[str, Any]:
    own = {"source", "step", "parents", "thread_id", "forked_from", "forked_at"}
    return {k: v for k, v in (stored.metadata or {}).items() if k not in own and isinstance(v, str | int | float)}
