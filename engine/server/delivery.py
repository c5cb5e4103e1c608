"""A request, sent until a server has answered it whole; dead, restarted and busy servers cost time, not tokens."""

import asyncio
import json
import logging
import math
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from peerleap.engine.errors import EngineDead, EngineError, ModelError
from peerleap.engine.protocol import OnText, SamplingParams
from peerleap.engine.request import Replayed
from peerleap.engine.server.http_thread import HTTPThread
from peerleap.engine.server.patience import Patience
from peerleap.engine.server.placement import Placement
from peerleap.engine.server.served import Served, look, probe, reason, refusal
from peerleap.engine.server.wire import Reply, Setback, events, request_body

log = logging.getLogger("peerleap.engine")

_LIVES = 4
"""How many servers may die of one request."""
_SILENT_SECONDS = 30.0
"""How long a stream may be silent before the server is asked whether it lives."""
_HEALTH_SECONDS = 10.0
_SILENCES = 10
"""How often in a row a stream may be that silent where some servers of a router live, and others do not."""
_FINISH_SECONDS = 5.0
_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_ORDERED = 0.1, 8.0, 60.0


class Delivery:
    """Sends requests to the servers that run one model. All of it happens on the loop of an `HTTPThread`."""

    def __init__(self, http: HTTPThread, servers: Sequence[str], requested: str | None, patience: float) -> None:
        self._http, self._requested, self._patience = http, requested, patience
        self.placement = Placement(servers)
        self.served: dict[str, Served] = {}
        """What each server runs that has been looked at since it was last gone."""
        self.tokenizer: Any = None
        self.reports_cached = True
        self._looking: dict[str, asyncio.Lock] = {}
        self._no_finish: set[str] = set()

    async def begin(self, ready: Mapping[str, Served], tokenizer: Any, *, reports_cached: bool) -> None:
        """Take up what a first look at the servers has found; those that are missing in it are tried again later."""
        self.served, self.tokenizer, self.reports_cached = dict(ready), tokenizer, reports_cached
        for server in self.placement.servers:
            if server not in ready:
                self.placement.gone(server, asyncio.get_running_loop().time())

    async def answer(
        self, prompt: Sequence[int], params: SamplingParams, session: str | None, on_text: OnText | None
    ) -> tuple[Reply, Served]:
        """Get a whole answer.

        Args:
            prompt: token ids.
            params: how to sample and when to stop.
            session: name of the path within its run.
            on_text: receives the text while it is written, each part once, however often the request is sent.

        Raises:
            EngineDead: no server could answer, for as long as the patience lasts, or several died of the request.
            EngineError: the request is refused.
        """
        loop = asyncio.get_running_loop()
        body = request_body(prompt, params, heard=on_text is not None)
        forward = None if on_text is None else Replayed(on_text)
        deaths = waits = 0
        patience = Patience(self._patience)
        while True:
            server = self.placement.place(session, loop.time())
            if server is None:
                if not self.placement.servers:
                    raise EngineError("none of the servers runs the model any more")
                await patience.wait(self.placement.pause(loop.time()), "none of the servers can be reached")
                continue
            self.placement.begin(server)
            reply = Reply(prompt, params.logprobs)
            try:
                served = await self._look_again(server)
                hear = None if forward is None else forward.next_life()
                await self._send(server, {"model": served.id, **body}, session, reply, hear)
            except Setback as setback:
                if setback.died or reply.token_ids:
                    deaths += 1
                    patience.over()
                    if deaths >= _LIVES:
                        raise EngineDead(
                            f"a request of {len(prompt)} tokens was sent {deaths} times and never answered whole; "
                            f"the last time by {server}: {setback}"
                        ) from setback
                if setback.gone:
                    self._gone(server, setback)
                    patience.begin(f"the server {server} is gone: {setback}")
                else:
                    waits += 1
                    pause = max(setback.after, min(_LONGEST_WAIT, _FIRST_WAIT * 2**waits) * random.uniform(0.5, 1))  # noqa: S311
                    await patience.wait(min(pause, _LONGEST_ORDERED), f"the server {server} is busy: {setback}")
            else:
                return reply, served
            finally:
                self.placement.end(server)

    def _gone(self, server: str, setback: Setback) -> None:
        self.served.pop(server, None)
        if self.placement.gone(server, asyncio.get_running_loop().time()):
            others = len(self.placement.servers) > 1
            log.warning("the server %s is gone (%s); its requests are sent again%s", server, setback,
                        " to another" if others else f" when it is back, for up to {self._patience:.0f} s")  # fmt: skip

    async def _look_again(self, server: str) -> Served:
        """What a server runs; one that was gone may have come back as another."""
        if server in self.served:
            return self.served[server]
        async with self._looking.setdefault(server, asyncio.Lock()):
            if self.placement.is_gone(server, asyncio.get_running_loop().time()):
                raise Setback("it was gone a moment ago", gone=True)
            if server not in self.served:
                try:
                    served = await look(self._http.client, server, self._requested)
                    self.reports_cached &= await probe(self._http.client, server, served, self.tokenizer)
                except ModelError as error:
                    if len(self.placement.servers) == 1:
                        raise
                    log.warning("%s; it is left out", error)
                    self.placement.leave_out(server)
                    raise Setback(str(error)) from error
                except EngineError as error:  # what stands in front of it may answer before it does
                    raise Setback(str(error), gone=True) from error
                self.served[server] = served
        return self.served[server]

    async def _send(
        self, server: str, body: dict[str, Any], session: str | None, reply: Reply, hear: OnText | None
    ) -> None:
        loop = asyncio.get_running_loop()
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"} | session_header(session)
        content = json.dumps(body).encode()
        begun = False
        try:
            async with asyncio.timeout(None) as limit:
                heard = [loop.time()]
                watch = asyncio.create_task(self._watch(server, heard, limit))
                try:
                    async with (
                        self._http.streaming() as client,
                        client.stream("POST", f"{server}/v1/completions", content=content, headers=headers) as response,
                    ):
                        if response.status_code != httpx.codes.OK:
                            raise _refused(server, response, await response.aread(), len(reply.prompt))
                        begun = True
                        if self.placement.back(server):
                            log.info("the server %s is back", server)
                        async for data in events(_noting(response.aiter_bytes(), heard)):
                            # Read to the very end: a connection that is left early cannot be used again.
                            if data != "[DONE]" and (text := reply.add(data)) and hear is not None:
                                hear(text)
                finally:
                    watch.cancel()
        except TimeoutError as error:
            raise Setback("it does not answer, not even whether it lives", died=begun, gone=True) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Setback(reason(error), gone=True) from error
        except httpx.HTTPError as error:  # this connection is lost; whether the server is, shows at the next one
            raise Setback(reason(error), died=begun) from error
        reply.check_whole()

    async def _watch(self, server: str, heard: list[float], limit: asyncio.Timeout) -> None:
        """End a request whose server is silent and does not say that it lives: it may have queued for minutes."""
        loop, silences = asyncio.get_running_loop(), 0
        while True:
            await asyncio.sleep(max(0.0, heard[0] + _SILENT_SECONDS - loop.time()))
            if loop.time() - heard[0] < _SILENT_SECONDS:
                silences = 0
                continue
            silences += 1
            if silences > await self._silences(server):
                limit.reschedule(loop.time())
                return
            heard[0] = loop.time()

    async def _silences(self, server: str) -> float:
        """How many silences mean nothing: any number where the server lives, none where it does not."""
        if await self._status(f"{server}/health") < 500:
            return math.inf
        # A router's health is that of its worst server. Ours may be another one, and have a long queue.
        return _SILENCES if await self._status(f"{server}/readiness") == httpx.codes.OK else 0

    async def _status(self, url: str) -> int:
        try:
            return (await self._http.client.get(url, timeout=_HEALTH_SECONDS)).status_code
        except httpx.HTTPError:
            return httpx.codes.GATEWAY_TIMEOUT

    async def finish(self, sessions: Sequence[str]) -> None:
        """Let a router forget sessions; other servers do not know the request, and nothing depends on it."""
        homes = [(session, home) for session in sessions if (home := self.placement.finish(session)) is not None]
        for server in dict.fromkeys(home for _, home in homes):
            first, *others = [session for session, home in homes if home == server]
            if server not in self._no_finish and await self._finish(server, first):
                await asyncio.gather(*(self._finish(server, session) for session in others))

    async def _finish(self, server: str, session: str) -> bool:
        name = session_header(session)["X-Session-ID"]
        try:
            response = await self._http.client.post(
                f"{server}/finish_session", params={"session_id": name}, timeout=_FINISH_SECONDS
            )
        except httpx.HTTPError:
            return False
        if response.status_code in {404, 405}:
            self._no_finish.add(server)
        return response.is_success


def session_header(session: str | None) -> dict[str, str]:
    """The header by which routers keep a session on its replica."""
    return {} if session is None else {"X-Session-ID": quote(session, safe="/:.-_")}


async def _noting(parts: AsyncIterator[bytes], heard: list[float]) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    async for part in parts:
        heard[0] = loop.time()
        yield part


def _refused(server: str, response: httpx.Response, content: bytes, tokens: int) -> Exception:
    error = refusal(server, response.status_code, content, "POST /v1/completions", tokens)
    after = response.headers.get("Retry-After", "")
    if isinstance(error, Setback) and after.isdecimal():
        error.after = float(after[:6])
    return error
