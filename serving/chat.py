"""`/v1/chat/completions`: one request, from its body to its last byte. A client that leaves stops its paths."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from peerleap.graph import CompiledLeapGraph
from peerleap.graph.chat import LeapOutput, Piece, areply, check_reply, elected_thought, transcript_of
from peerleap.serving.admission import Admission
from peerleap.serving.body import read_body
from peerleap.serving.errors import LEFT, RequestError, log, request_error
from peerleap.serving.graphs import Graphs, engines_of, paths_of
from peerleap.serving.keys import Keys
from peerleap.serving.metrics import Metrics
from peerleap.serving.request import Ask, parse
from peerleap.serving.wire import KEEP_ALIVE, Completion, event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_KEEP_ALIVE_SECONDS = 15
# A reader that is slower than the paths gets fewer and longer pieces: more than these are not made in advance.
_PIECES = 8
# Seconds that a reader may take nothing, while its paths wait for it.
_STALLED_SECONDS = 60

Put = Callable[[Piece], Awaitable[None]]


class Chat:
    """The endpoint of one server."""

    def __init__(self, graphs: Graphs, admission: Admission, keys: Keys, metrics: Metrics) -> None:
        self._graphs, self._admission, self._keys, self._metrics = graphs, admission, keys, metrics

    async def answer(self, request: Request) -> Response:
        """Answer a request, or say why not."""
        hidden: set[str] = set()
        try:
            return await self._answer(request, hidden)
        except Exception as error:  # noqa: BLE001
            found = request_error(error, hidden)
            self._metrics.answered(found.status)
            return found.response()

    async def _answer(self, request: Request, hidden: set[str]) -> Response:
        arrived = time.monotonic()
        client = self._keys.client(request.headers.get("authorization"))
        ask = parse(await read_body(request, self._admission.limits.body_bytes))
        self._admission.check_paths(ask.paths or 1)
        graph = self._graphs.graph(ask.paths, ask.question)
        hidden |= {engine.model for engine in engines_of(graph) if _is_place(engine.model)}
        await asyncio.to_thread(check_reply, graph, ask.messages, ask.settings)
        ticket = self._admission.enter(client, paths_of(graph))
        completion = Completion(ask.model, ask.stop, ask.settings.seed)
        if ask.stream:
            queue: asyncio.Queue[Piece] = asyncio.Queue(_PIECES)
            task = ticket.begin(lambda: self._run(ask, graph, client, lambda piece: _put(queue, piece)))
            return _EventStream(self._events(ask, completion, queue, task, hidden, arrived), task)
        pieces: list[str] = []

        async def put(piece: Piece) -> None:
            pieces.append(piece.text)

        out = await _or_left(request.receive, ticket.begin(lambda: self._run(ask, graph, client, put)))
        self._metrics.answered(200)
        reasoning = "".join(pieces).strip()
        if ask.thoughts == "one":  # what was live of one path, is here the thought that led to the answer
            reasoning = elected_thought(graph, out)
        return JSONResponse(completion.whole(out, reasoning))

    async def _run(self, ask: Ask, graph: CompiledLeapGraph, client: str, put: Put) -> LeapOutput:
        began, out = time.monotonic(), None
        transcript = transcript_of(graph, ask.thoughts)
        pieces = areply(graph, ask.messages, ask.settings, transcript)
        try:
            async with aclosing(cast("AsyncGenerator[Any]", pieces)):
                async for piece in pieces:
                    if isinstance(piece, Piece):
                        await put(piece)
                    else:
                        out = piece
        finally:
            self._admission.spend(client, transcript.generated if out is None else out["usage"]["generated"])
        assert out is not None
        seconds = time.monotonic() - began
        self._metrics.finished(out, seconds)
        log.info("answered: %d paths, %d tokens, %.1f s", paths_of(graph), transcript.generated, seconds)
        return out

    async def _events(
        self,
        ask: Ask,
        completion: Completion,
        queue: asyncio.Queue[Piece],
        task: asyncio.Task[LeapOutput],
        hidden: set[str],
        arrived: float,
    ) -> AsyncIterator[str]:
        shown, status = False, LEFT
        try:
            yield completion.begin()
            async with aclosing(_pieces(queue, task)) as pieces:
                async for piece in pieces:
                    if piece is not None and not shown:
                        shown = True
                        self._metrics.first_text(time.monotonic() - arrived)
                    yield KEEP_ALIVE if piece is None else completion.reasoning(piece)
            end = completion.end(task.result(), with_usage=ask.with_usage)
            if not shown:
                self._metrics.first_text(time.monotonic() - arrived)
            status = 200
            yield end
        except Exception as error:  # noqa: BLE001
            found = request_error(error, hidden)
            status = found.status
            yield event(found.body)
        finally:
            self._metrics.answered(status)


class _EventStream(StreamingResponse):
    """Server-sent events of a task, which ends with the response."""

    def __init__(self, events: AsyncIterator[str], task: asyncio.Task[LeapOutput]) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self._events, self._task = events, task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._task.cancel()
            await cast("AsyncGenerator[str]", self._events).aclose()


async def _put(queue: asyncio.Queue[Piece], piece: Piece) -> None:
    """Put a piece into a queue that a client reads.

    Raises:
        RequestError: the client reads nothing: it must not hold its place for ever.
    """
    try:
        async with asyncio.timeout(_STALLED_SECONDS):
            await queue.put(piece)
    except TimeoutError:
        raise RequestError(408, f"nothing was read for {_STALLED_SECONDS} s", code="stalled") from None


async def _pieces(queue: asyncio.Queue[Piece], task: asyncio.Task[Any]) -> "AsyncGenerator[Piece | None]":
    """What a task puts into a queue until it ends; `None` where nothing has come for a while."""
    while not task.done() or not queue.empty():
        getting = asyncio.ensure_future(queue.get())
        try:
            await asyncio.wait({getting, task}, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                yield getting.result()
            elif not task.done():
                yield None
        finally:
            getting.cancel()


async def _or_left(receive: Receive, task: asyncio.Task[LeapOutput]) -> LeapOutput:
    """The result of a task, which is cancelled where the client leaves.

    Raises:
        RequestError: 499, the client has left.
    """

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    leaving = asyncio.create_task(left())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestError(LEFT, "the client has left")
        return task.result()
    finally:
        leaving.cancel()
        task.cancel()


def _is_place(model: str) -> bool:
    """Whether a model's name is a folder of this machine."""
    return model.startswith(("/", ".", "~")) or Path(model).is_dir()
