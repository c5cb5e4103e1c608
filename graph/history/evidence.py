"""What a path has checked with tools: shown beside its summary, and preferred by the router `evidence`."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from peerleap.agents import prompts
from peerleap.graph.history.segments import Segment

LABELS = (prompts.PEER_LABEL.format(number=1), prompts.PERSON_LABEL)
"""What the labels of comments begin with: nobody's words may begin a line in the same way."""


class Evidence(TypedDict):
    """What one tool has contributed to a path's reasoning."""

    tool: str
    calls: int
    """Calls that went well and found something."""
    digest: str
    """SHA-256 of the whole output of the last of them, as hexadecimal digits; the output is in the history."""
    output: NotRequired[str]
    """Code: what the last cell that showed anything has shown, as in `ToolRecord.printed`."""


def find_evidence(history: Iterable[Segment]) -> list[Evidence]:
    """What a path has checked, tool by tool, in the order of first use: calls that went well and found something."""
    found: dict[str, Evidence] = {}
    for segment in history:
        record = segment.get("tool")
        if record is not None and record["status"] == "ok" and not record.get("empty"):
            one = found.setdefault(record["name"], Evidence(tool=record["name"], calls=0, digest=""))
            one["calls"] += 1
            one["digest"] = record["digest"]
            if "printed" in record:
                one["output"] = record["printed"]
    return list(found.values())


def checked(evidence: Sequence[Evidence]) -> list[str]:
    """What a path has done, in words: "ran code: 391", "searched the web"; at most `prompts.MOST_EVIDENCE`."""
    return [_did(one) for one in evidence[: prompts.MOST_EVIDENCE]]


def peer_label(number: int, peer: str | None, evidence: Sequence[Evidence]) -> str:
    """What a comment calls a peer: "Peer 2 (coder, ran code: 391)"; `peer` is given where the team is mixed."""
    about = [*([peer] if peer else []), *checked(evidence)]
    name = prompts.PEER_LABEL.format(number=number)
    return prompts.PEER_LABEL_ABOUT.format(name=name, about=", ".join(about)) if about else name


def _did(one: Evidence) -> str:
    did = prompts.EVIDENCE.get(one["tool"], prompts.EVIDENCE_OTHER.format(tool=one["tool"]))
    output = one.get("output")
    return prompts.EVIDENCE_OUTPUT.format(did=did, output=_paired(output)) if output else did


def _paired(text: str) -> str:
    """The text with parentheses in pairs only, so that it cannot close those of the label that it stands in."""
    chars, opened = list(text), list[int]()
    for at, char in enumerate(text):
        match unicodedata.normalize("NFKC", char):
            case "(":
                opened.append(at)
            case ")" if opened:
                opened.pop()
            case ")":
                chars[at] = "›"
    for at in opened:
        chars[at] = "‹"
    return "".join(chars)
