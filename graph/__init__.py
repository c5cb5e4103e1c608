"""How paths learn from each other: LeaP as a LangGraph graph.

In reading order:

- `build`: nodes and edges
- `compiled`: the compiled graph: a bad call is refused before anything is stored
- `inputs`: the question and the call, checked; `budget`: whether it fits the model's context
- `settings`: what may differ from call to call; `defaults`: a setting's value where none is set
- `state`: channels and schemas
- `nodes`: what each node does: `prepare`, `path/`, `leap_block/`, `vote`
- `history/`: the pieces of a path's history; `answers/`: what a path answered
- `events/`: what a run streams
- `checkpoints/`: where runs are stored; `runs/`: stored runs read, forked, compared
- `as_tool`: the graph as an agent's tool; `chat/`: as a chat model; `server`: the graphs that `langgraph dev` serves
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face
from peerleap.graph.errors import AllPathsFailed, CheckpointError, InputError, SchemaError, SettingsError, ThreadBusy
from peerleap.graph.seeds import derive_random, derive_seed
from peerleap.graph.settings import RouterName, Settings, TaskName, as_settings

if TYPE_CHECKING:
    from peerleap.graph.as_tool import leap_tool
    from peerleap.graph.build import build_graph
    from peerleap.graph.chat import ChatLeaP
    from peerleap.graph.checkpoints import Checkpointer, open_checkpointer, open_store
    from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
    from peerleap.graph.defaults import model_defaults, resolve_settings
    from peerleap.graph.events import Event
    from peerleap.graph.history import Segment
    from peerleap.graph.runs import Run, compare, fork, read_run
    from peerleap.graph.state import LeapInput, LeapOutput, Vote, history_key

__all__ = [
    "AllPathsFailed",
    "ChatLeaP",
    "CheckpointError",
    "Checkpointer",
    "CompiledLeapGraph",
    "Event",
    "InputError",
    "LeapGraph",
    "LeapInput",
    "LeapOutput",
    "RouterName",
    "Run",
    "SchemaError",
    "Segment",
    "Settings",
    "SettingsError",
    "TaskName",
    "ThreadBusy",
    "Vote",
    "as_settings",
    "build_graph",
    "compare",
    "derive_random",
    "derive_seed",
    "fork",
    "history_key",
    "leap_tool",
    "model_defaults",
    "open_checkpointer",
    "open_store",
    "read_run",
    "resolve_settings",
]

# Imported when they are first used: LangChain and LangGraph take seconds, and a refused call needs neither.
_LATER = {
    "leap_tool": "as_tool",
    "build_graph": "build",
    "ChatLeaP": "chat",
    "Checkpointer": "checkpoints",
    "open_checkpointer": "checkpoints",
    "open_store": "checkpoints",
    "CompiledLeapGraph": "compiled",
    "LeapGraph": "compiled",
    "model_defaults": "defaults",
    "resolve_settings": "defaults",
    "Event": "events",
    "Segment": "history",
    "Run": "runs",
    "compare": "runs",
    "fork": "runs",
    "read_run": "runs",
    "LeapInput": "state",
    "LeapOutput": "state",
    "Vote": "state",
    "history_key": "state",
}

__getattr__ = lazy_face(__name__, _LATER)
