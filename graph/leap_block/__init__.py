"""What happens every T tokens: paths sum up, a router decides who reads whom, and every path reads.

Read `block` (the barrier), `summary` (a path's side of it), `claims` (what is worth reading), `routers` and
`similarity` (equations 1 to 4), `levenshtein` (many distances at once), `person` (a person as a peer), `caches` (a
warning where they do not work).
"""

from peerleap.graph.leap_block.block import active_paths, close_block, no_peer_left
from peerleap.graph.leap_block.person import ask_person
from peerleap.graph.leap_block.routers import ROUTERS, Router
from peerleap.graph.leap_block.similarity import compile_ahead, similarity_matrix
from peerleap.graph.leap_block.summary import PERSON, Summarized, comment, summarize
from peerleap.graph.state import Summary

__all__ = [
    "PERSON",
    "ROUTERS",
    "Router",
    "Summarized",
    "Summary",
    "active_paths",
    "ask_person",
    "close_block",
    "comment",
    "compile_ahead",
    "no_peer_left",
    "similarity_matrix",
    "summarize",
]
