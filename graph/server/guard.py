"""Who may talk to `langgraph dev`: this machine's programs, and pages that it serves or that are LangGraph Studio.

The server has no authentication. Without this, any page in a browser on this machine could read the stored runs and
start new ones: browsers send plain requests to any address, and a foreign name can be made to point here.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware

from peerleap.graph.server.reasons import App, Reasons, Receive, Scope, Send, is_internal

_STUDIO = re.compile(r"https://(\w+\.)?smith\.langchain\.com")
_LOOPBACK = re.compile(r"(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|::1)", re.IGNORECASE)


class Guard:
    """ASGI middleware: refuses requests for foreign hosts and from foreign pages."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        if (
            scope["type"] not in {"http", "websocket"}
            or is_internal(scope)
            or (reason := refusal(scope["headers"])) is None
        ):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": f"{reason}\n".encode()})


def refusal(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Why a request is refused.

    Args:
        headers: names in lower case, and values.

    Returns:
        The reason; `None` for a request that is allowed.
    """
    named: dict[bytes, list[str]] = {}
    for name, value in headers:
        named.setdefault(name.lower(), []).append(value.decode("latin-1"))
    hosts, origins = named.get(b"host", []), named.get(b"origin", [])
    if len(hosts) != 1 or not _is_ours(_name(f"//{hosts[0]}")):
        return "refused: the Host of the request is not this machine (docs/server.md)"
    if any(not _may_call(origin, hosts[0]) for origin in origins):
        return "refused: a page of another origin may not use this server (docs/server.md)"
    return None


def _name(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return None if parts.username or parts.password or parts.path else parts.hostname


def _is_ours(name: str | None) -> bool:
    """An address, which nobody can make point elsewhere, or a name of this machine."""
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(_LOOPBACK.fullmatch(name)) or name == socket.gethostname().lower()
    return True


def _may_call(origin: str, host: str) -> bool:
    if _STUDIO.fullmatch(origin) or origin in {f"http://{host}", f"https://{host}"}:
        return True
    name = _name(origin)
    return origin.startswith(("http://", "https://")) and name is not None and bool(_LOOPBACK.fullmatch(name))


app = Starlette(middleware=[Middleware(Guard), Middleware(Reasons)])
"""What `langgraph.json` names as `http.app`; LangGraph adds its routes to it."""
