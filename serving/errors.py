"""What a client reads when a request fails: OpenAI's error object, never a path of this machine or a traceback."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from peerleap.engine import EngineError
from peerleap.graph import AllPathsFailed, InputError, SchemaError, SettingsError

log = logging.getLogger("peerleap.serving")

LEFT = 499
"""Status of a request whose client has gone, for the log and the metrics; nobody reads it."""
_MOST = 1000
"""Characters of a refusal: it quotes what a client has sent."""
_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


def shown(value: Any) -> str:
    """A value of a request as its refusal quotes it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


class RequestError(Exception):
    """A request that is not answered: its HTTP status, and what OpenAI's error object says."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(_sendable(message))
        self.status, self.code = status, code
        self.param = None if param is None else _sendable(param)
        self.retry_after = retry_after
        """Seconds."""

    @property
    def body(self) -> dict[str, Any]:
        """OpenAI's error object."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The HTTP response."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return JSONResponse(self.body, self.status, headers)


def _sendable(text: str) -> str:
    """The text without halves of characters, which JSON may hold and UTF-8 may not, and never endless."""
    text = text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
    return text.encode("utf-8", "replace").decode()


def request_error(error: Exception, hidden: Iterable[str] = ()) -> RequestError:
    """What a client reads of an error; what is not its fault is logged here in full, and not sent.

    Args:
        error: from the check of a request, or from a run.
        hidden: texts that no client may read, such as the folder of the model.
    """
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ClientDisconnect):
        return RequestError(LEFT, "the client has left")
    if isinstance(error, InputError | SettingsError):
        message = str(error)
        for text in sorted(hidden, key=len, reverse=True):
            message = message.replace(text, "the model")
        param = "response_format" if isinstance(error, SchemaError) else "leap"
        return RequestError(400, message, param="messages" if isinstance(error, InputError) else param)
    if isinstance(error, AllPathsFailed):
        log.error("%s", error)
        return RequestError(500, "every path failed; the server's log says why", code="all_paths_failed")
    if isinstance(error, EngineError):
        log.error("%s: %s", type(error).__name__, error)
        return RequestError(503, "the engine does not run; the server's log says why", code="engine_error")
    log.error("a request failed", exc_info=error)
    return RequestError(500, "a fault of the server; its log says which", code="internal_error")


async def answer_error(_: Request, error: Exception) -> Response:
    """Starlette's handler of exceptions of ours."""
    return request_error(error).response()


async def answer_http_error(_: Request, error: Exception) -> Response:
    """Starlette's handler of its own exceptions: no such address, or not with this method."""
    status: int = getattr(error, "status_code", 500)
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    messages = {404: "there is no such address; see /v1/models and /v1/chat/completions", 405: "not with this method"}
    response = RequestError(status, messages.get(status, "the request cannot be read")).response()
    response.headers.update(headers)
    return response
