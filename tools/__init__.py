"""What peers can use while they think: Python, web search, and any LangChain tool.

In reading order:

- `limits`: what a path may spend, and has spent
- `protocols/`: how a call looks in the text
- `prompts`: every sentence about tools that a model reads
- `runner`: one call through LangGraph's `ToolNode`
- `python`: the `python` tool: one session a path
- `sandbox/`: Python behind walls
- `search/`: web search and page reading
- `scope`: what tools hold open while a run lasts
- `threads`: threads for blocking calls, which end with the program
- `untrusted`: text from elsewhere, neutralised
- `control_tokens`: checked by encoding it
"""

from peerleap.tools.control_tokens import break_control
from peerleap.tools.limits import ToolLimits, ToolUse
from peerleap.tools.prompts import START_NUDGE
from peerleap.tools.protocols import (
    PROTOCOLS,
    BadCall,
    FenceProtocol,
    HarmonyProtocol,
    HermesProtocol,
    StopReason,
    ToolProtocol,
    ToolRequest,
    can_call,
    unavailable,
)
from peerleap.tools.python import python
from peerleap.tools.runner import ToolOutcome, ToolRunner
from peerleap.tools.scope import PathCall, RunScope, RunTool, call_config, scope_config
from peerleap.tools.search import read_page, web_search
from peerleap.tools.threads import BoundedThreads, to_its_end
from peerleap.tools.untrusted import LEAP_TAGS, has_marker, neutralise, one_line, shorten

__all__ = [
    "LEAP_TAGS",
    "PROTOCOLS",
    "START_NUDGE",
    "BadCall",
    "BoundedThreads",
    "FenceProtocol",
    "HarmonyProtocol",
    "HermesProtocol",
    "PathCall",
    "RunScope",
    "RunTool",
    "StopReason",
    "ToolLimits",
    "ToolOutcome",
    "ToolProtocol",
    "ToolRequest",
    "ToolRunner",
    "ToolUse",
    "break_control",
    "call_config",
    "can_call",
    "has_marker",
    "neutralise",
    "one_line",
    "python",
    "read_page",
    "scope_config",
    "shorten",
    "to_its_end",
    "unavailable",
    "web_search",
]
