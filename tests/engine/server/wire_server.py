"""A server that speaks vLLM's wire over real sockets, with a scripted model, and misbehaves as it is told."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from peerleap.engine import RequestRefused, SamplingParams, ScriptedEngine, StructuredOutputsParams, decode, encode

_FIELDS = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
           "frequency_penalty", "seed", "logprobs")  # fmt: skip


class WireServer:
    """Serves a scripted engine until it is closed or killed.

    Each name in `faults` spoils one completion, in their order: `dies` (the process is gone in the middle of the
    stream), `cut` (the stream ends early), `429`, `503`, `500` (a status), `away` (what vllm-router says while it
    reaches no server), `error` (inside the stream), `hangs` (nothing more comes), `garbage` (no JSON), `loses` (a chunk
    is missing), `no_ids`, `shortens` (the prompt), `caps` (the answer), `drops` (the connection, before any answer),
    and `ok`.
    """

    def __init__(
        self, engine: ScriptedEngine, folder: Path, *, key: str | None = None, details: bool = True, tls: Any = None
    ) -> None:
        self.engine, self.folder, self.key, self.details = engine, folder, key, details
        self.id, self._tls = "scripted", tls
        self.faults = deque[str]()
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        """Headers and body of every completion that streams."""
        self.finished: list[str] = []
        """Sessions that were released; the route is there only where `router` is true."""
        self.router = False
        self.looks = 0
        """How often the models were listed."""
        self.alive = True
        """Whether `/health` answers."""
        self.looks_away = 0
        """How many more times a look at the models meets what vllm-router says while it tries a dead server."""
        self.healths = 0
        """How often it was asked whether it lives."""
        self.sick = False
        """Whether it is a router, one of whose servers is dead: `/health` says no, `/readiness` yes."""
        self.open = 0
        """Streams that are being written."""
        self.left = 0
        """Streams whose reader has hung up."""
        self.models: Callable[[], Any] = lambda: [self.card()]
        self.constrains = True
        """Whether it knows `structured_outputs`; else it drops the field, as it does any that it does not know."""
        self.chunk_seconds = 0.0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._writers = set[asyncio.StreamWriter]()
        self._readers = dict[asyncio.StreamWriter, asyncio.StreamReader]()
        self._tasks = set[asyncio.Task[Any]]()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def card(self, **changes: Any) -> dict[str, Any]:
        return {"id": self.id, "object": "model", "owned_by": "vllm", "root": str(self.folder), "parent": None,
                "max_model_len": self.engine.context_length, **changes}  # fmt: skip

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._call(self._listen())

    def kill(self) -> None:
        """Gone, as by `kill -9`: nothing listens, and every connection is reset."""
        self._call(self._gone())

    def close(self) -> None:
        self.kill()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._connected,
            "127.0.0.1",
            self.port,
            limit=1 << 24,
            ssl=self._tls,
            backlog=2048,  # as uvicorn has it
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _gone(self) -> None:
        if self._server is not None:
            # A server that closes between an accept and the transport made for it leaves that transport open (asyncio,
            # 3.11): so nothing more is accepted first, and what was is in `_writers` a few rounds of the loop later.
            for listening in self._server.sockets:
                self._loop.remove_reader(listening.fileno())
            for _ in range(5):
                await asyncio.sleep(0)
            self._server.close()
        for writer in [*self._writers]:
            writer.transport.abort()
        this = asyncio.current_task()
        for task in [*self._tasks]:
            if task is not this:
                task.cancel()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self._readers[writer] = reader
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                (method, target, _), *lines = (line.split(" ", 2) for line in head.strip().split("\r\n"))
                headers = {name.rstrip(":").lower(): " ".join(value) for name, *value in lines}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._answer(method, target, headers, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            del self._readers[writer]
            self._tasks.discard(task)
            writer.close()
            with suppress(Exception):
                await writer.wait_closed()

    async def _answer(self, method: str, target: str, headers: Any, body: bytes, writer: Any) -> None:
        url = urlsplit(target)
        if url.path == "/health":
            self.healths += 1
            if not self.alive:
                await asyncio.sleep(600)
            return await self._json(writer, 503 if self.sick else 200, {})
        if url.path == "/readiness" and self.sick:
            return await self._json(writer, 200, {})
        if self.key is not None and url.path.startswith("/v1") and headers.get("authorization") != f"Bearer {self.key}":
            return await self._json(writer, 401, {"error": "Unauthorized"})
        if (method, url.path) == ("GET", "/v1/models"):
            self.looks += 1
            self.looks_away -= 1
            if self.looks_away >= 0:
                return await self._json(
                    writer, 500, b"Request failed: error sending request for url (http://replica-0)"
                )
            return await self._json(writer, 200, {"object": "list", "data": self.models()})
        if (method, url.path) == ("POST", "/finish_session") and self.router:
            self.finished += parse_qs(url.query)["session_id"]
            return await self._json(writer, 200, {})
        if (method, url.path) == ("POST", "/v1/completions"):
            return await self._complete(headers, json.loads(body), writer)
        return await self._json(writer, 404, {"detail": "Not Found"})

    async def _json(self, writer: Any, status: int, content: Any, extra: str = "") -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        writer.write(f"HTTP/1.1 {status} Status\r\ncontent-length: {len(data)}\r\n{extra}\r\n".encode() + data)
        await writer.drain()

    async def _complete(self, headers: Any, body: Any, writer: Any) -> None:
        if body["model"] not in {card["id"] for card in self.models()}:
            message = f"The model `{body['model']}` does not exist."
            return await self._json(writer, 404, {"error": {"message": message, "code": 404}})
        tokenizer, prompt = self.engine.tokenizer, body["prompt"]
        prompt = encode(tokenizer, prompt) if isinstance(prompt, str) else prompt
        fault = ""
        if body.get("stream"):
            self.requests.append((headers, body))
            fault = self.faults.popleft() if self.faults else ""
        if fault in {"429", "503", "500"}:
            return await self._json(writer, int(fault), {"error": {"message": "too much"}}, "retry-after: 0\r\n")
        if fault == "away":
            return await self._json(
                writer, 500, b"Request failed: error sending request for url (http://replica-0:8000)"
            )
        if fault == "drops":
            raise ConnectionError
        if len(prompt) + 1 > self.engine.context_length or body["max_tokens"] < 1:
            message = f"{len(prompt)} tokens and max_tokens={body['max_tokens']}"
            return await self._json(writer, 400, {"error": {"message": message, "code": 400}})
        params = {name: body[name] for name in _FIELDS if name in body}
        stops: dict[str, Any] = {name: tuple(body.get(name, ())) for name in ("stop", "stop_token_ids")}
        if self.constrains and (constraint := body.get("structured_outputs")):
            params["structured_outputs"] = StructuredOutputsParams(**constraint)
        session = headers.get("x-session-id")
        asked = SamplingParams(
            **{**params, "max_tokens": min(3, body["max_tokens"]) if fault == "caps" else body["max_tokens"]}, **stops
        )
        if not body.get("stream"):  # the probe
            choice = {"token_ids": [prompt[0]], "prompt_token_ids": prompt, "text": "x", "finish_reason": "length"}
            if not body.get("return_token_ids") or fault == "no_ids" or (self.faults and self.faults[0] == "no_ids"):
                choice = {"text": "x", "finish_reason": "length"}
            return await self._json(writer, 200, {"choices": [choice], "usage": self._usage(len(prompt), 1, 0)})
        try:
            done = await self.engine.generate(prompt, asked, session=session)
        except RequestRefused as error:
            return await self._json(writer, 400, {"error": {"message": str(error), "code": 400}})
        read = prompt[:-1] if fault == "shortens" else prompt
        await self._stream(writer, body, done, read, fault)
        return None

    def _usage(self, prompt: int, generated: int, cached: int) -> dict[str, Any]:
        usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": generated}
        return usage | ({"prompt_tokens_details": {"cached_tokens": cached}} if self.details else {})

    async def _stream(self, writer: Any, body: Any, done: Any, prompt: list[int], fault: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        self.open += 1
        try:
            for number, chunk in enumerate(self._chunks(body, done, prompt)):
                if number == 1:
                    match fault:
                        case "dies":
                            self._loop.create_task(self._gone())
                            await asyncio.sleep(600)
                        case "cut":
                            break
                        case "hangs":
                            await self._until_left(writer)
                        case "loses":
                            continue
                        case "garbage":
                            self._event(writer, b'{"choices": [{"tok')
                        case "error":
                            self._event(writer, b'{"error": {"message": "EngineCore died", "code": 500}}')
                self._event(writer, json.dumps(chunk, ensure_ascii=False).encode())
                await writer.drain()
                await asyncio.sleep(self.chunk_seconds)
            else:
                self._event(writer, b"[DONE]")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            self.left += 1
            raise
        finally:
            self.open -= 1

    async def _until_left(self, writer: asyncio.StreamWriter) -> None:
        while not self._readers[writer].at_eof():
            await asyncio.sleep(0.02)
        raise ConnectionError

    def _event(self, writer: Any, data: bytes) -> None:
        line = b"data: " + data + b"\n\n"
        writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        if writer.transport.is_closing():
            raise ConnectionError

    def _chunks(self, body: Any, done: Any, prompt: list[int]) -> Any:
        tokenizer, told = self.engine.tokenizer, ""
        size = body.get("stream_interval", 1)
        for begin in range(0, len(done.token_ids), size):
            end = min(begin + size, len(done.token_ids))
            text = decode(tokenizer, done.token_ids[:end])
            new = "" if text.endswith("\ufffd") and end < len(done.token_ids) else text[len(told) :]
            told += new
            choice: dict[str, Any] = {"index": 0, "text": new, "token_ids": done.token_ids[begin:end]}
            choice |= {"logprobs": None, "finish_reason": None, "stop_reason": None}
            choice["prompt_token_ids"] = None if begin else prompt
            if end == len(done.token_ids):
                choice |= {"finish_reason": done.finish_reason, "stop_reason": done.stop_reason}
            if done.token_logprobs is not None:
                k = body["logprobs"]
                top = {f"token_id:{token}": -0.2 for token in range(300, 300 + k)}
                choice["logprobs"] = {"token_logprobs": done.token_logprobs[begin:end],
                                      "top_logprobs": [top] * (end - begin)}  # fmt: skip
            yield {"choices": [choice]}
        yield {"choices": [], "usage": self._usage(len(prompt), len(done.token_ids), done.cached_tokens)}
