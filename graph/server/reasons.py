"""MCP and A2A tell why a run has failed: by itself, the server hands them the name of the error and nothing else.

They start runs through the server's own API, within the process. What it answers them passes through here, and the
reason is put behind the name.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

# The server's own requests to itself, within the process, have this path before theirs; no client can set it.
_INTERNAL = "/noauth"
_ENDS = ("/runs/wait", "/join")  # of the paths that answer with the end of a run, to MCP and to A2A
_FAILED = b'{"__error__":'


class Reasons:
    """ASGI middleware: completes what the server tells itself about a run that has failed."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; one of the server's own for the end of a run gets the reason with it."""
        if scope["type"] != "http" or not is_internal(scope) or not str(scope["path"]).endswith(_ENDS):
            await self._app(scope, receive, send)
            return

        async def send_with_reason(message: Any) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": with_reason(message["body"])}
            await send(message)

        await self._app(scope, receive, send_with_reason)


def is_internal(scope: Scope) -> bool:
    """Whether a request is one of the server's own to itself."""
    return str(scope.get("root_path") or "").startswith(_INTERNAL)


def with_reason(body: bytes) -> bytes:
    """The end of a run as the server sends it, in one piece; where the run has failed, the reason behind the name."""
    if not body.startswith(_FAILED):
        return body
    try:
        answer = json.loads(body)
        failed = answer["__error__"]
        failed["error"] = f"{failed['error']}: {failed['message']}"
    except (ValueError, KeyError, TypeError):
        return body
    return json.dumps(answer).encode()
