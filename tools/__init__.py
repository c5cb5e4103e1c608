"""What peers can use: call protocols, the runner of tools, web search and the sandbox."""

from peerleap.tools.cells import python
from peerleap.tools.protocol import ToolLimits
from peerleap.tools.search.tools import read_page, web_search

__all__ = ["ToolLimits", "python", "read_page", "web_search"]
