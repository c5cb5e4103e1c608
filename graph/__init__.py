from peerleap.graph.as_tool import leap_tool
from peerleap.graph.build import build_graph
from peerleap.graph.checkpoints.base import Store, open_store
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import AllPathsFailed, InputError, SettingsError, StoreError, ThreadBusy
from peerleap.graph.history.segments import Segment
from peerleap.graph.runs.compare import compare
from peerleap.graph.runs.fork import fork
from peerleap.graph.runs.run import read_run
from peerleap.graph.settings import Settings

__all__ = [
    "AllPathsFailed",
    "CompiledLeapGraph",
    "InputError",
    "LeapGraph",
    "Segment",
    "Settings",
    "SettingsError",
    "Store",
    "StoreError",
    "ThreadBusy",
    "build_graph",
    "compare",
    "fork",
    "leap_tool",
    "open_store",
    "read_run",
]
