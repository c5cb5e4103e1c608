"""A person as a peer: the LeaP block waits for a comment."""

from collections.abc import Mapping
from typing import Any

from langgraph.types import interrupt

from peerleap.graph.history import storable
from peerleap.graph.leap_block.summary import Summarized
from peerleap.graph.path import Path


def ask_person(paths: Mapping[str, Path], summarized: Mapping[str, Summarized], round_number: int) -> str | None:
    """Interrupt the run with the summaries of the block; the comment that it is resumed with, if any.

    The interrupt's value has `round`, `summaries` (text by path) and, after a comment that cannot be used, `error`.
    Resume with `Command(resume="...")`; an empty text leaves no comment.
    """
    path = next(iter(paths.values()))
    if not path.settings.human_peer:
        return None
    limit = path.settings.summary_tokens
    request: dict[str, Any] = {
        "round": round_number,
        "summaries": {name: result["summary"]["text"] for name, result in summarized.items()},
    }
    while True:
        reply = interrupt(request)
        if reply is None or reply == "":
            return None
        if not isinstance(reply, str):
            error = f"comment={reply!r}: give a text, or nothing"
        else:
            comment = storable(reply).strip()
            tokens = len(path.insert("comment", round_number, comment)["token_ids"])
            if tokens <= limit:
                return comment or None
            error = f"comment: {tokens} tokens; a comment has at most {limit} (summary_tokens)"
        request = {**request, "error": error}
