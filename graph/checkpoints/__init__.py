"""Stored runs: LangGraph checkpointers over one database, and what a killed round had already done.

In reading order:

- `base`: the checkpointer that both databases implement
- `sqlite`, `postgres`: the databases
- `location`: which of them, and where (`PEERLEAP_RUNS`)
- `pending_writes`: writes that end although their caller was cancelled
- `pruning`: which checkpoints can be deleted
- `thread_lock`, `advisory_locks`: at most one run a thread
- `journal`: requests and tool calls of a round that is not over
"""

from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.journal import Journal, close_journals
from peerleap.graph.checkpoints.location import open_checkpointer, open_store, runs_location
from peerleap.graph.checkpoints.thread_lock import aone_run, marked_ending, one_run

__all__ = [
    "Checkpointer",
    "Journal",
    "aone_run",
    "close_journals",
    "marked_ending",
    "one_run",
    "open_checkpointer",
    "open_store",
    "runs_location",
]
