"""A graph as a chat model: whole conversations in; thoughts, blocks and the answer out, piece by piece.

Read `transcript` (what a reader sees of a run), `marks` (text without control tokens), `reply` (one reply of a graph),
`message` (it as LangChain's), `structured` (an answer as JSON, read), `model` (`ChatLeaP`, LangChain's chat model).
"""

from peerleap.graph.chat.model import ChatLeaP
from peerleap.graph.chat.reply import (
    areply,
    check_reply,
    cut_at,
    elected_thought,
    finish_reason,
    leap_fields,
    merged,
    reply,
    transcript_of,
)
from peerleap.graph.chat.transcript import THOUGHTS, Piece, Thoughts, Transcript
from peerleap.graph.state import LeapOutput

__all__ = [
    "THOUGHTS",
    "ChatLeaP",
    "LeapOutput",
    "Piece",
    "Thoughts",
    "Transcript",
    "areply",
    "check_reply",
    "cut_at",
    "elected_thought",
    "finish_reason",
    "leap_fields",
    "merged",
    "reply",
    "transcript_of",
]
