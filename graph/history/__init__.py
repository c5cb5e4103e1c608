"""Token ids are the truth: what a path's history is made of, and what is read off it.

Read `segments` (the pieces of a history), `usage` (where the tokens went), `evidence` (what was checked with tools).
"""

from peerleap.graph.history.evidence import LABELS, Evidence, checked, find_evidence, peer_label
from peerleap.graph.history.segments import (
    GENERATED,
    OWN,
    Finish,
    Kind,
    Segment,
    ToolRecord,
    append_segments,
    as_copies,
    dropped_tokens,
    grown,
    history_ids,
    sent_tokens,
    spent,
    storable,
    thought_tokens,
)
from peerleap.graph.history.usage import Usage, path_usage, total_usage

__all__ = [
    "GENERATED",
    "LABELS",
    "OWN",
    "Evidence",
    "Finish",
    "Kind",
    "Segment",
    "ToolRecord",
    "Usage",
    "append_segments",
    "as_copies",
    "checked",
    "dropped_tokens",
    "find_evidence",
    "grown",
    "history_ids",
    "path_usage",
    "peer_label",
    "sent_tokens",
    "spent",
    "storable",
    "thought_tokens",
    "total_usage",
]
