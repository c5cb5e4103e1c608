from peerleap.graph.build import build_graph
from peerleap.graph.compare import compare
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import AllPathsFailed, InputError, SettingsError, StoreError, ThreadBusy
from peerleap.graph.fork import fork
from peerleap.graph.runs import read_run
from peerleap.graph.segments import Segment
from peerleap.graph.settings import Settings
from peerleap.graph.store import Store, open_store
from peerleap.graph.tool import leap_tool

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
