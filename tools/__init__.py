"""What peers can use: call protocols, the runner of tools, web search and the sandbox."""

from peerleap.tools.protocols.base import ToolLimits
from peerleap.tools.python import python
from peerleap.tools.search.tools import read_page, web_search

__all__ = ["ToolLimits", "python", "read_page", "web_search"]
