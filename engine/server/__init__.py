"""vLLM behind HTTP: one server, several, or a router, spoken to in token ids.

Read `address` (URLs and the API key), `wire` (a request and its stream), `served` (what a server runs, and whether it
can be used), `selection` (which of several), `placement` (which session goes where), `http_thread` (the client and its
event loop), `delivery` and `patience` (a request, sent until it is answered), and `server_engine`.
"""

from typing import TYPE_CHECKING, Any

from peerleap.engine.server.address import API_KEY, SERVER, default_servers, parse_servers

if TYPE_CHECKING:
    from peerleap.engine.server.server_engine import ServerEngine

__all__ = ["API_KEY", "SERVER", "ServerEngine", "default_servers", "parse_servers"]


def __getattr__(name: str) -> Any:
    if name != "ServerEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # With an HTTP client: who runs vLLM in process needs none.
    from peerleap.engine.server.server_engine import ServerEngine

    globals()[name] = ServerEngine
    return ServerEngine
