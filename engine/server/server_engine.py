"""A model on vLLM servers: nothing of vLLM runs in this process."""

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from typing import Any, TypeVar

from peerleap.engine.chat import decode, encode, turn_end
from peerleap.engine.errors import EngineError, RequestRefused
from peerleap.engine.models import Model
from peerleap.engine.protocol import Completion, OnText, SamplingParams, StructuredOutputsParams
from peerleap.engine.request import completion
from peerleap.engine.server.address import parse_servers, read_key
from peerleap.engine.server.delivery import Delivery
from peerleap.engine.server.http_thread import HTTPThread
from peerleap.engine.server.selection import describe, look_at_all, probe_all
from peerleap.engine.server.served import Served
from peerleap.engine.server.wire import Reply

T = TypeVar("T")

# What no model writes of its own accord: whether a server keeps a constraint, or does not know the field.
_SEVEN = SamplingParams(
    max_tokens=2, temperature=0.0, seed=0, structured_outputs=StructuredOutputsParams(json='{"const": 7}')
)


class ServerEngine:
    """A model on one vLLM server, on several, or behind a router (docs/scale.md).

    Any number of event loops and threads may call it. A server that dies or restarts costs its requests some time: they
    are sent again, whole, to it or to another. Prefer `get_engine(server=...)`, which shares one engine among all who
    ask for the same model.

    Args:
        server: base URLs, such as `http://127.0.0.1:8000`.
        model: which of the served models, by the name or the folder that the server gives it; `None` for the only one.
        tokenizer: folder or hub id of the model's tokenizer, where that of the server's model cannot be read here.
        api_key: the servers' API key; `None` reads `PEERLEAP_API_KEY`.
        patience: seconds for which a request waits for servers that are gone or busy.

    Raises:
        EngineArgumentError: a URL or the key is not usable.
    """

    def __init__(
        self,
        server: str | Iterable[str],
        model: str | None = None,
        *,
        tokenizer: str | None = None,
        api_key: str | None = None,
        patience: float = 600.0,
    ) -> None:
        self.servers = parse_servers(server)
        """Base URLs, without `/v1`."""
        self._requested = None if model is None else str(model)
        self._tokenizer = None if tokenizer is None else str(tokenizer)
        self._http = HTTPThread(read_key(api_key))
        self._delivery = Delivery(self._http, self.servers, self._requested, patience)
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._constrains = False
        atexit.register(self.close)

    def __repr__(self) -> str:
        return f"ServerEngine({','.join(self.servers)!r}, {self._requested!r})"

    @property
    def resolved(self) -> Model:
        """The model as the servers name it; its `path` is where its tokenizer is.

        Raises:
            EngineError: no server can be used.
            ModelError: none serves the model, or its tokenizer cannot be read here.
        """
        if self._model is None:
            with self._lock:
                if self._model is None:
                    self._model = self._look()
        return self._model

    @property
    def model(self) -> str:
        """The model's name, as the servers call it."""
        return self.resolved.name

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer, where the servers have the model from.

        Raises:
            EngineError: no server can be used.
            ModelError: none serves the model, or its tokenizer cannot be read here.
        """
        self.check()
        return self._delivery.tokenizer

    @property
    def context_length(self) -> int:
        """Most tokens of prompt and generated text together: the least of all servers."""
        return self.resolved.context_length

    @property
    def reports_cached(self) -> bool:
        """Whether the servers say how many tokens came from their caches (`--enable-prompt-tokens-details`)."""
        self.check()
        return self._delivery.reports_cached

    def check(self) -> None:
        """Look at the servers, once: they answer, run the model, return token ids, and number tokens as we do.

        Of several servers, those that cannot be used now are tried again later, and those that run another model than
        the one that is requested are left out.

        Raises:
            EngineStartError: no server can be reached.
            EngineArgumentError: a server is no vLLM server, refuses the key, or returns no token ids.
            ModelError: none serves the model, or its tokenizer cannot be read here.
        """
        _ = self.resolved

    async def start(self) -> None:
        """Look at the servers now; as `check`."""
        await asyncio.to_thread(self.check)

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """Continue `token_ids`; where a server dies, the request is sent again, whole.

        Args:
            token_ids: the whole prompt.
            params: how to sample and when to stop.
            session: name of the path within its run. It stays on one server, and a router keeps it on one replica.
            on_text: receives the generated text while it is written, nothing twice.

        Returns:
            The generated ids, their text, and why the request ended.

        Raises:
            EngineError: no server could answer, or they refuse the request.
        """
        if self._model is None:
            await self.start()
        tokenizer, prompt = self._delivery.tokenizer, list(token_ids)
        if not prompt:
            raise RequestRefused("a request of 0 tokens: there is nothing to continue")
        if params.structured_outputs is not None and not self._constrains:
            await self._check_constrains()
        here = asyncio.get_running_loop()
        deliver = None if on_text is None else (lambda text: _tell(here, on_text, text))
        stopping = turn_end(tokenizer).added_to(params)
        reply, served = await self._run(self._delivery.answer(prompt, stopping, session, deliver))
        self._check_length(reply, served, params)
        return completion(
            tokenizer, params, reply.token_ids, finish_reason=reply.finish_reason, stop_reason=reply.stop_reason,
            prompt_tokens=len(prompt), cached_tokens=reply.cached_tokens or 0,
            logprobs=reply.logprobs, confidences=reply.confidences,
        )  # fmt: skip

    async def finish_sessions(self, sessions: Sequence[str]) -> None:
        """Forget sessions, and let a router forget them; nothing happens where there is none.

        Args:
            sessions: names of paths of a run that has ended.
        """
        if self._model is not None and not self._http.closed:
            await self._run(self._delivery.finish(sessions))

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._http.closed

    def unfinished(self) -> int:
        """Requests of this engine that servers are at work on."""
        return self._delivery.placement.running

    def close(self) -> None:
        """Close every connection, which ends the requests on the servers. It cannot be used again."""
        atexit.unregister(self.close)
        self._http.close()

    def _look(self) -> Model:
        client = self._http.client
        found = self._wait(look_at_all(client, self.servers, self._requested))
        model, tokenizer = describe(found, self._tokenizer)
        ready, reports_cached = self._wait(probe_all(client, found, tokenizer))
        self._wait(self._delivery.begin(ready, tokenizer, reports_cached=reports_cached))
        return model

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = self._http.submit(coroutine)
        try:
            return future.result()
        except FutureCancelled:
            raise EngineError(f"{self!r} was closed") from None
        finally:
            future.cancel()  # Ctrl-C

    async def _check_constrains(self) -> None:
        """Refuse a constraint where a server drops it, as versions of vLLM do that do not know the field."""
        tokenizer = self._delivery.tokenizer
        reply, _ = await self._run(self._delivery.answer(encode(tokenizer, "JSON: "), _SEVEN, None, None))
        if not decode(tokenizer, reply.token_ids).startswith("7"):
            raise RequestRefused("the server does not know `structured_outputs`, the constraint of vLLM 0.11 and later")
        self._constrains = True

    async def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.wrap_future(self._http.submit(coroutine))
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if self.closed and not (caller and caller.cancelling()):
                raise EngineError(f"{self!r} was closed") from None
            raise

    def _check_length(self, reply: Reply, served: Served, params: SamplingParams) -> None:
        generated, longest = len(reply.token_ids), served.context_length or self.context_length
        if reply.finish_reason == "length" and generated < min(params.max_tokens, longest - len(reply.prompt)):
            raise EngineError(
                f"the servers end requests after {generated} tokens, although max_tokens={params.max_tokens}: "
                "start them with --generation-config vllm, and without max_new_tokens in their generation config"
            )


def _tell(loop: asyncio.AbstractEventLoop, on_text: OnText, text: str) -> None:
    with contextlib.suppress(RuntimeError):  # who listened is gone, with the loop
        loop.call_soon_threadsafe(on_text, text)
