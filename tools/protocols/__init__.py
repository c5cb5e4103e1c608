"""Call protocols: how a path's text asks for a tool, and how the answer is written back into it.

In reading order:

- `base`: the `ToolProtocol` interface, and what a call is
- `json_call`: `{"name": ..., "arguments": {...}}` as models write it
- `fence`: the default: Python fences, and `<tool_call>` for other tools
- `tags`: one pair of tags, one tool, one argument
- `hermes`: native calls of Hermes and Qwen models
- `harmony`: native calls of gpt-oss
- `presets`: protocols of published models, and all of them by name
"""

from peerleap.tools.protocols.base import BadCall, StopReason, ToolProtocol, ToolRequest, unavailable
from peerleap.tools.protocols.fence import FenceProtocol
from peerleap.tools.protocols.harmony import HarmonyProtocol
from peerleap.tools.protocols.hermes import HermesProtocol
from peerleap.tools.protocols.presets import PROTOCOLS, can_call
from peerleap.tools.protocols.tags import TagProtocol

__all__ = [
    "PROTOCOLS",
    "BadCall",
    "FenceProtocol",
    "HarmonyProtocol",
    "HermesProtocol",
    "StopReason",
    "TagProtocol",
    "ToolProtocol",
    "ToolRequest",
    "can_call",
    "unavailable",
]
