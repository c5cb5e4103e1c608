"""Reading a run that is kept: what came of it, or how far it is."""

from typing import Any, Literal, NotRequired

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import Overwrite, StateSnapshot
from typing_extensions import TypedDict

from peerleap.graph.compiled import CompiledLeapGraph
from peerleap.graph.errors import InputError
from peerleap.graph.history import Segment, Usage
from peerleap.graph.state import BlockRecord, PathOutcome, Vote, history_key

_OUTCOME = ("answer", "votes", "paths", "usage", "rounds")


class Run(TypedDict):
    """What is stored of a run; `answer`, `votes`, `paths` and `usage` only once it has ended."""

    question: str
    task: str
    settings: dict[str, Any]
    state: Literal["ended", "stopped"]
    """`stopped` can go on: `graph.invoke(None, config)`."""
    next: list[str]
    """Nodes that are not done: in the middle of a round, the paths that still think."""
    round: int
    """Number of LeaP blocks so far."""
    status: dict[str, str]
    """By path: active, finished, forced or failed."""
    answer: NotRequired[str | None]
    votes: NotRequired[list[Vote]]
    paths: NotRequired[dict[str, PathOutcome]]
    usage: NotRequired[Usage]
    rounds: list[BlockRecord]
    histories: dict[str, list[Segment]]


def unfinished_nodes(state: StateSnapshot) -> list[str]:
    """Nodes that are not done; none once a run has ended.

    A snapshot's `next` leaves out nodes whose results are stored although the step that they end is not: a run that was
    killed there goes on with what follows them.
    """
    return [*state.next] or [task.name for task in state.tasks]


def count_blocks(saver: BaseCheckpointSaver[Any], stored: CheckpointTuple) -> int:
    """LeaP blocks of a stored state, without reading its histories; a barrier that nobody needs is none."""
    here = stored.checkpoint["channel_values"].get("rounds")
    if here is not None:
        return len(here.value)
    found = saver.get_delta_channel_history(config=stored.config, channels=["rounds"])["rounds"]
    count = len(found["seed"].value) if "seed" in found else 0
    for _, _, write in found["writes"]:
        count = len(write.value) if isinstance(write, Overwrite) else count + len(write)
    return count


def read_run(graph: CompiledLeapGraph, config: Any) -> Run:
    """The run of a thread as it is stored, histories included; nothing is run.

    Raises:
        InputError: nothing is stored under the thread id.
    """
    thread = (config.get("configurable") or {}).get("thread_id")
    found = graph.get_state(config) if thread else None
    values = found.values if found else {}
    if not found or "params" not in values:
        raise InputError(f"thread_id={thread!r}: no run is stored under this name")
    graph.check_stored(values, str(thread))
    waiting = unfinished_nodes(found)
    run = Run(
        question=values["problem"],
        task=values["task"],
        settings=values["params"],
        state="stopped" if waiting else "ended",
        next=waiting,
        round=len(values["rounds"]),
        status={name: path["state"] for name, path in values["status"].items()},
        rounds=values["rounds"],
        histories={name: values[history_key(name)] for name in values["status"]},
    )
    if not waiting:
        run.update({key: values[key] for key in _OUTCOME if key in values})  # type: ignore[typeddict-item]
    return run
