"""Stored runs: read, forked at a LeaP block, compared.

In reading order:

- `run`: what is stored of a run
- `fork`: a new thread that shares a run up to a LeaP block
- `compare`: which paths changed their answer
"""

from peerleap.graph.runs.compare import Change, Comparison, compare
from peerleap.graph.runs.fork import fork
from peerleap.graph.runs.run import Run, count_blocks, read_run, unfinished_nodes

__all__ = ["Change", "Comparison", "Run", "compare", "count_blocks", "fork", "read_run", "unfinished_nodes"]
