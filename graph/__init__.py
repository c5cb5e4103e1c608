from peerleap.graph.build import build_graph
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.errors import AllPathsFailed, InputError, SettingsError
from peerleap.graph.segments import Segment
from peerleap.graph.settings import Settings

__all__ = [
    "AllPathsFailed",
    "CompiledLeapGraph",
    "InputError",
    "LeapGraph",
    "Segment",
    "Settings",
    "SettingsError",
    "build_graph",
]
