"""What a path has done in a round that is not over: stored beside the checkpoints, deleted once the round is in one.

LangGraph stores what a node returns, and a path's node returns at the end of its round, which may take several requests
and tool calls. After a kill, the answered requests and calls are read back instead of repeated.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from pydantic import TypeAdapter, ValidationError

from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.pending_writes import write_shielded
from peerleap.graph.errors import CheckpointError
from peerleap.graph.history import Kind, Segment
from peerleap.graph.langgraph_keys import CHECKPOINTER, NAMESPACE, TASK

_SEGMENT = TypeAdapter(Segment)
_INTERRUPTED = {"interrupted": True}

Entry = dict[str, Any]
T = TypeVar("T")


class Journal:
    """The journal of one path in one round.

    Only a `Checkpointer` stores one; with other checkpointers, a killed round is repeated as a whole.
    """

    def __init__(self, config: RunnableConfig | None = None) -> None:
        self._place = _place(config)
        self._read: list[Entry] = []
        self._done: list[Entry] = []
        self._written = 0

    async def open(self) -> None:
        """Read what a killed process had done.

        Raises:
            CheckpointError: the notes cannot be read.
        """
        if self._place is not None:
            checkpointer, thread, namespace, task = self._place
            self._read = await _checked(checkpointer, asyncio.to_thread(checkpointer.notes, thread, namespace, task))
            if not all(map(_is_entry, self._read)):
                raise CheckpointError(f"thread_id={thread!r}: a note of this run in {checkpointer.name!r} is damaged")
            self._written = len(self._read)
            self._done = [*self._read]

    async def request(self, kind: Kind, sent: int, make: Callable[[], Awaitable[Segment]]) -> Segment:
        """The segment of a request: as stored, or made now.

        Args:
            kind: kind of the segment that the request generates.
            sent: tokens that it sends; a stored segment that differs in one of the two is of another request.
            make: sends the request.

        Raises:
            CheckpointError: the notes cannot be written.
        """
        entry = self._next()
        if entry is not None:
            segment: Segment | None = entry.get("segment")
            # A segment without `finish` comes from an earlier version.
            same = segment is not None and (segment["kind"], segment.get("prompt_tokens")) == (kind, sent)
            if segment is not None and same and "finish" in segment:
                return segment
            self._abandon()
        await self._store()
        segment = await make()
        self._done.append({"segment": segment})
        return segment

    async def tool_call(self, call: Callable[[], Awaitable[Segment | None]]) -> Segment | None:
        """The answer to a tool call: as stored, or made now.

        Args:
            call: calls the tool.

        Returns:
            The segment of the answer; `None` where the path's text held no call.

        Raises:
            CheckpointError: the notes cannot be written.
        """
        entry = self._next()
        if entry is not None:
            if "answer" in entry:
                answer: Segment | None = entry["answer"]
                return answer
            self._abandon()
        await self._store()
        try:
            answer = await call()
        except GraphBubbleUp:
            # LangGraph matches interrupts by their order in the node: all later calls have to be made again.
            self._done.append(_INTERRUPTED)
            await self._store()
            raise
        self._done.append({"answer": answer})
        return answer

    def _next(self) -> Entry | None:
        if self._read and self._read[0] == _INTERRUPTED:
            self._abandon()
        return self._read.pop(0) if self._read else None

    def _abandon(self) -> None:
        """Ignore the remaining entries: they belong to other requests, so nothing may be added behind them."""
        self._read, self._place = [], None

    async def _store(self) -> None:
        """Store what has been done, before the next step, in which the process may be killed."""
        if self._place is None:
            return
        checkpointer, thread, namespace, task = self._place
        for number in range(self._written, len(self._done)):
            note = (thread, namespace, task, number, self._done[number])
            await _checked(checkpointer, write_shielded(checkpointer.name, thread, checkpointer.note, *note))
        self._written = len(self._done)


def close_journals(config: RunnableConfig) -> None:
    """Delete the entries of a round: its segments are in a checkpoint.

    Args:
        config: configuration of the LeaP block's node.
    """
    place = _place(config)
    if place is not None:
        checkpointer, thread, namespace, _ = place
        checkpointer.drop_notes(thread, namespace)


def _is_entry(entry: Any) -> bool:
    """Whether an entry has one of the forms that are stored here; the ids of its segment go back to the engine."""
    if not isinstance(entry, dict) or not {"segment", "answer", "interrupted"} & entry.keys():
        return False
    segment = entry.get("segment", entry.get("answer"))
    try:
        return segment is None or bool(_SEGMENT.validate_python(segment, strict=True))
    except ValidationError:
        return False


async def _checked(checkpointer: Checkpointer, work: Awaitable[T]) -> T:
    """An error in the notes stops the run, which can be resumed; it is not the path's failure."""
    try:
        return await work
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"the notes in {checkpointer.name!r} cannot be read or written: {error}; mend that, then resume"
        ) from error


def _place(config: RunnableConfig | None) -> tuple[Checkpointer, str, str, str] | None:
    params = (config or {}).get("configurable") or {}
    checkpointer, thread, task = params.get(CHECKPOINTER), params.get("thread_id"), params.get(TASK)
    if not isinstance(checkpointer, Checkpointer) or thread is None or task is None:
        return None
    return checkpointer, str(thread), str(params.get(NAMESPACE, "")).rpartition("|")[0], str(task)
