from peerleap.graph.as_tool import leap_tool
from peerleap.graph.build import build_graph
from peerleap.graph.checkpoints import Checkpointer, open_checkpointer, open_store
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import AllPathsFailed, CheckpointError, InputError, SettingsError, ThreadBusy
from peerleap.graph.history import Segment
from peerleap.graph.runs import Run, compare, fork, read_run
from peerleap.graph.settings import Settings

__all__ = [
    "AllPathsFailed",
    "CheckpointError",
    "Checkpointer",
    "CompiledLeapGraph",
    "InputError",
    "LeapGraph",
    "Run",
    "Segment",
    "Settings",
    "SettingsError",
    "ThreadBusy",
    "build_graph",
    "compare",
    "fork",
    "leap_tool",
    "open_checkpointer",
    "open_store",
    "read_run",
]
