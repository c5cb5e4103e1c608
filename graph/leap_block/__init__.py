"""What happens every T tokens: paths sum up, a router decides who reads whom, and every path reads.

Read `node` (the steps in order), `talk` (whom a block interrupts), `probe` (what paths would answer), `summary` (a
path's side of it), `claims` (what is worth reading), `block` (who reads whom), `routers` and `similarity` (equations 1
to 4), `levenshtein` (many distances at once), `person` (a person as a peer), `caches` (a warning where they
do not work).
"""

from peerleap.graph.leap_block.block import close_block, no_peer_left
from peerleap.graph.leap_block.node import BlockNode, run_to_end
from peerleap.graph.leap_block.probe import Probed
from peerleap.graph.leap_block.routers import ROUTERS, Router
from peerleap.graph.leap_block.similarity import compile_ahead, similarity_matrix
from peerleap.graph.leap_block.summary import PERSON, Summarized, comment, summarize
from peerleap.graph.leap_block.talk import active_paths
from peerleap.graph.state import Summary

__all__ = [
    "PERSON",
    "ROUTERS",
    "BlockNode",
    "Probed",
    "Router",
    "Summarized",
    "Summary",
    "active_paths",
    "close_block",
    "comment",
    "compile_ahead",
    "no_peer_left",
    "run_to_end",
    "similarity_matrix",
    "summarize",
]
