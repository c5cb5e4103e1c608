from peerleap.graph.build import build_graph
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import AllPathsFailed, InputError, SettingsError, StoreError, ThreadBusy
from peerleap.graph.segments import Segment
from peerleap.graph.settings import Settings
from peerleap.graph.store import Store, open_store

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
    "open_store",
]
