"""A person as a peer: the LeaP block waits for a comment."""

from collections.abc import Mapping
from typing import Any

from langgraph.types import interrupt

from peerleap.graph.history.segments import storable
from peerleap.graph.leap_block.summary import Summarized
from peerleap.graph.path.path import Path

NOT_KEPT = "human_peer: a run that waits for a person must be kept; compile with a checkpointer"


def ask_person(paths: Mapping[str, Path], summarized: Mapping[str, Summarized], round_number: int) -> str | None:
    """Interrupt the run with the summaries of the block; the comment that it is resumed with, if any.

    The interrupt's value has `round`, `summaries` (text by path) and, after a comment that cannot be used, `error`.
    Resume with `Command(resume="...")`; an empty text says nothing.
    """
    path = next(iter(paths.values()))
    if not path.settings.human_peer:
        return None
    most = path.settings.summary_tokens
    assert most is not None
    asked: dict[str, Any] = {
        "round": round_number,
        "summaries": {name: result["summary"]["text"] for name, result in summarized.items()},
    }
    while True:
        said = interrupt(asked)
        if said is None or said == "":
            return None
        if not isinstance(said, str):
            error = f"comment={said!r}: give a text, or nothing"
        else:
            said = storable(said).strip()
            tokens = len(path.insert("comment", round_number, said)["token_ids"])
            if tokens <= most:
                return said or None
            error = f"comment: {tokens} tokens; it has room for {most} (summary_tokens)"
        asked = {**asked, "error": error}
