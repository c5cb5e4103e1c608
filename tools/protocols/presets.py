"""Protocols that published models were trained on, by name."""

from collections.abc import Callable

from peerleap.tools import prompts
from peerleap.tools.protocols.base import ToolProtocol
from peerleap.tools.protocols.fence import FenceProtocol
from peerleap.tools.protocols.harmony import HarmonyProtocol
from peerleap.tools.protocols.hermes import HermesProtocol
from peerleap.tools.protocols.tags import TagProtocol


def retool() -> TagProtocol:
    """ReTool: `<code>` with a fenced script, answered by `<interpreter>`."""
    return TagProtocol(
        name="retool",
        open="<code>",
        close="</code>",
        tool="python",
        argument="code",
        before="\n<interpreter>\n",
        after="</interpreter>\n\n",
        words=prompts.RETOOL,
        fenced=True,
    )


def search_r1() -> TagProtocol:
    """Search-R1: `<search>`, answered by `<information>`; its models think in turns, so calls count everywhere."""
    return TagProtocol(
        name="search-r1",
        open="<search>",
        close="</search>",
        tool="web_search",
        argument="query",
        before="\n\n<information>",
        after="</information>\n\n",
        words=prompts.SEARCH_R1,
        invalid=prompts.SEARCH_R1_INVALID,
        in_answer=True,
    )


def search_o1() -> TagProtocol:
    """Search-o1: `<|begin_search_query|>`, answered by `<|begin_search_result|>`."""
    return TagProtocol(
        name="search-o1",
        open="<|begin_search_query|>",
        close="<|end_search_query|>",
        tool="web_search",
        argument="query",
        before="\n\n<|begin_search_result|>",
        after="<|end_search_result|>\n\n",
        words=prompts.SEARCH_O1,
    )


def openmath() -> TagProtocol:
    """OpenMath-Nemotron: code in `<tool_call>`, answered by an output fence and the calls that are left."""
    return TagProtocol(
        name="openmath",
        open="<tool_call>",
        close="</tool_call>",
        tool="python",
        argument="code",
        before="\n```output\n",
        after="```\n",
        words=prompts.OPENMATH,
        fenced=True,
        left=prompts.OPENMATH_LEFT,
        none_left=prompts.OPENMATH_NONE_LEFT,
    )


PROTOCOLS: dict[str, Callable[[], ToolProtocol]] = {
    "fence": FenceProtocol,
    "harmony": HarmonyProtocol,
    "hermes": HermesProtocol,
    "openmath": openmath,
    "retool": retool,
    "search-o1": search_o1,
    "search-r1": search_r1,
}
"""Factories by the names that settings use."""


def can_call(protocol: str, tool: str) -> bool:
    """Whether a tool can be called in a protocol.

    Args:
        protocol: a name in `PROTOCOLS`.
        tool: the tool's name.

    Returns:
        False for a protocol of one tool, where that is another.
    """
    made = PROTOCOLS[protocol]()
    return not isinstance(made, TagProtocol) or made.tool == tool
