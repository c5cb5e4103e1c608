"""What a path has checked with tools: shown beside its summary, and preferred by the router `evidence`."""

from collections.abc import Iterable, Sequence

from typing_extensions import TypedDict

from peerleap.agents import prompts
from peerleap.graph.segments import Segment


class Evidence(TypedDict):
    """What one tool has contributed to a path's reasoning."""

    tool: str
    calls: int
    """Calls that went well."""
    digest: str
    """SHA-256 of the whole output of the last of them, as hexadecimal digits; the output is in the history."""


def find_evidence(history: Iterable[Segment]) -> list[Evidence]:
    """What a path has checked, tool by tool, in the order of first use; only calls that went well count."""
    found: dict[str, Evidence] = {}
    for segment in history:
        record = segment.get("tool")
        if record is not None and record["status"] == "ok":
            before = found.get(record["name"], {"calls": 0})
            found[record["name"]] = Evidence(tool=record["name"], calls=before["calls"] + 1, digest=record["digest"])
    return list(found.values())


def peer_label(number: int, peer: str | None, evidence: Sequence[Evidence]) -> str:
    """What a comment calls a peer: "Peer 2 (coder, ran code)"; `peer` is given where the team is mixed."""
    shown = evidence[: prompts.MOST_EVIDENCE]
    did = [prompts.EVIDENCE.get(one["tool"], prompts.EVIDENCE_OTHER.format(tool=one["tool"])) for one in shown]
    about = [*([peer] if peer else []), *did]
    name = prompts.PEER_LABEL.format(number=number)
    return prompts.PEER_LABEL_ABOUT.format(name=name, about=", ".join(about)) if about else name
