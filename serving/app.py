"""The server's addresses, and how errors are answered."""

import time
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from peerleap.serving.admission import Admission
from peerleap.serving.chat import Chat
from peerleap.serving.errors import RequestError, answer_error, answer_http_error
from peerleap.serving.graphs import Graphs
from peerleap.serving.keys import Keys
from peerleap.serving.metrics import CONTENT_TYPE, Metrics
from peerleap.serving.model_names import NAME, named_settings
from peerleap.serving.wire import model_object


def create_app(graphs: Graphs, admission: Admission, keys: Keys, *, hosts: Sequence[str] = ("*",)) -> Starlette:
    """The application, for uvicorn or any other ASGI server.

    Args:
        graphs: what answers.
        admission: its queue and limits.
        keys: who may ask.
        hosts: names under which the server may be addressed. Without keys, name this machine only: else a page in a
            browser here could reach it under a name of its own.
    """
    metrics, created = Metrics(admission), int(time.time())

    def check_key(request: Request) -> None:
        keys.client(request.headers.get("authorization"))

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "stopping" if admission.closed else "ok"}, 503 if admission.closed else 200)

    async def models(request: Request) -> Response:
        check_key(request)
        return JSONResponse({"object": "list", "data": [model_object(NAME, created)]})

    async def model(request: Request) -> Response:
        check_key(request)
        named_settings(request.path_params["name"])
        return JSONResponse(model_object(request.path_params["name"], created))

    async def numbers(request: Request) -> Response:
        check_key(request)
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", Chat(graphs, admission, keys, metrics).answer, methods=["POST"]),
            Route("/v1/models", models),
            Route("/v1/models/{name}", model),
            Route("/health", health),
            Route("/metrics", numbers),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts], www_redirect=False)],
        exception_handlers={RequestError: answer_error, HTTPException: answer_http_error, Exception: answer_error},
    )
    # A redirection would lead to whatever host the request names, and from a proxy's https to http.
    app.router.redirect_slashes = False
    return app
