"""What a path has done in a round that is not over: kept beside the checkpoints, and dropped once the round is in one.

LangGraph stores what a node returns, and a path's node returns at the end of its round, which may take several requests
and tool calls. After a kill, the requests and calls that had been answered are read back instead of made again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from peerleap.engine import Completion
from peerleap.graph.checkpoints.base import Store
from peerleap.graph.checkpoints.pending_writes import seen_through
from peerleap.graph.errors import StoreError
from peerleap.graph.history.segments import Kind, Segment
from peerleap.graph.langgraph_keys import CHECKPOINTER, NAMESPACE, TASK

_INTERRUPTED = {"interrupted": True}

Entry = dict[str, Any]
T = TypeVar("T")


class Journal:
    """Of one path in one round. Only a `Store` keeps one; with other checkpointers, a round is repeated as a whole."""

    def __init__(self, config: RunnableConfig | None = None) -> None:
        self._place = _place(config)
        self._read: list[Entry] = []
        self._done: list[Entry] = []
        self._stored = 0

    async def open(self) -> None:
        """Read what a killed process had done."""
        if self._place is not None:
            store, thread, namespace, task = self._place
            self._read = await _kept(store, asyncio.to_thread(store.notes, thread, namespace, task))
            self._stored = len(self._read)
            self._done = [*self._read]

    async def said(
        self, kind: Kind, sent: int, request: Callable[[], Awaitable[tuple[Segment, Completion]]]
    ) -> tuple[Segment, Completion]:
        """The segment of a request that sends `sent` tokens: as it was read, or made now."""
        entry = self._next()
        if entry is not None:
            segment = entry.get("segment")
            if segment is not None and (segment["kind"], segment.get("prompt_tokens")) == (kind, sent):
                return segment, _completion(entry)
            self._give_up()
        await self._keep()
        segment, completion = await request()
        reasons = {"finish_reason": completion.finish_reason, "stop_reason": completion.stop_reason}
        # A copy: the path goes on to mark how the segment ends.
        self._done.append({"segment": {**segment}, **reasons})
        return segment, completion

    async def answered(self, call: Callable[[], Awaitable[Segment | None]]) -> Segment | None:
        """The answer to a tool call, if there is one: as it was read, or given now."""
        entry = self._next()
        if entry is not None:
            if "answer" in entry:
                answer: Segment | None = entry["answer"]
                return answer
            self._give_up()
        await self._keep()
        try:
            answer = await call()
        except GraphBubbleUp:
            # Interrupts are told apart by their order in the node: from here on, every call has to be made again.
            self._done.append(_INTERRUPTED)
            await self._keep()
            raise
        self._done.append({"answer": answer})
        return answer

    def _next(self) -> Entry | None:
        if self._read and self._read[0] == _INTERRUPTED:
            self._give_up()
        return self._read.pop(0) if self._read else None

    def _give_up(self) -> None:
        """What follows is of no use, and stays where it is until the round is over; so nothing is added to it."""
        self._read, self._place = [], None

    async def _keep(self) -> None:
        """Store what has been done: something else follows, at which the process may be killed."""
        if self._place is None:
            return
        store, thread, namespace, task = self._place
        for number in range(self._stored, len(self._done)):
            note = (thread, namespace, task, number, self._done[number])
            await _kept(store, seen_through(store.name, thread, store.note, *note))
        self._stored = len(self._done)


def close_journals(config: RunnableConfig) -> None:
    """Drop what was kept of the round: its segments are in a checkpoint."""
    place = _place(config)
    if place is not None:
        store, thread, namespace, _ = place
        store.drop_notes(thread, namespace)


async def _kept(store: Store, work: Awaitable[T]) -> T:
    """What goes wrong with the notes stops the run, which can be resumed; it is no path's failure."""
    try:
        return await work
    except StoreError:
        raise
    except Exception as error:
        told = f"the notes in {store.name!r} cannot be read or written: {error}; mend that, then resume"
        raise StoreError(told) from error


def _place(config: RunnableConfig | None) -> tuple[Store, str, str, str] | None:
    given = (config or {}).get("configurable") or {}
    store, thread, task = given.get(CHECKPOINTER), given.get("thread_id"), given.get(TASK)
    if not isinstance(store, Store) or thread is None or task is None:
        return None
    return store, str(thread), str(given.get(NAMESPACE, "")).rpartition("|")[0], str(task)


def _completion(entry: Entry) -> Completion:
    segment = entry["segment"]
    return Completion(
        token_ids=segment["token_ids"],
        text=segment["text"],
        finish_reason=entry["finish_reason"],
        stop_reason=entry["stop_reason"],
        prompt_tokens=segment["prompt_tokens"],
        cached_tokens=segment["cached_tokens"],
    )


def sent_tokens(history: Sequence[Segment]) -> int:
    """Tokens that the next request of a path sends."""
    return sum(len(segment["token_ids"]) for segment in history)
