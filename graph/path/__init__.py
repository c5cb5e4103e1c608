"""One reasoning chain.

Read `path` (how it writes and is written into), `round` (T tokens of thought, or the end), `cuts` (where a block must
not cut), `tool_calls` (calls in the thought), `json_answer` (an answer as JSON), `turn` (what goes with every step).
"""

from peerleap.graph.path.json_answer import JSONAnswer, json_answer, json_tokens, try_schema
from peerleap.graph.path.path import Path
from peerleap.graph.path.round import forced_answer, think
from peerleap.graph.path.tool_calls import Toolbox
from peerleap.graph.path.turn import Status, Stops, Turn

__all__ = [
    "JSONAnswer",
    "Path",
    "Status",
    "Stops",
    "Toolbox",
    "Turn",
    "forced_answer",
    "json_answer",
    "json_tokens",
    "think",
    "try_schema",
]
