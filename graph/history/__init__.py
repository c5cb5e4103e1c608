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
from peerleap.graph.history.usage import BesideRequest, Probe, Usage, beside, path_usage, probes_of, total_usage

__all__ = [
    "GENERATED",
    "LABELS",
    "OWN",
    "BesideRequest",
    "Evidence",
    "Finish",
    "Kind",
    "Probe",
    "Segment",
    "ToolRecord",
    "Usage",
    "append_segments",
    "as_copies",
    "beside",
    "checked",
    "dropped_tokens",
    "find_evidence",
    "grown",
    "history_ids",
    "path_usage",
    "peer_label",
    "probes_of",
    "sent_tokens",
    "spent",
    "storable",
    "thought_tokens",
    "total_usage",
]
