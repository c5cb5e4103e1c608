"""HTTP clients on an event loop and thread of their own: connections outlive the callers' loops."""

import asyncio
import contextlib
import resource
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx

from peerleap.engine.errors import EngineError, EngineStartError

T = TypeVar("T")

# vLLM closes a connection that is idle for 5 seconds.
_IDLE_SECONDS = 4.0
_OTHER_FILES = 256
# A proxy of the environment is not for this machine.
_LOCAL = ("all://127.0.0.1", "all://localhost", "all://[::1]")
# Whenever a request begins or ends, a client looks at each of its connections, and for each idle one at all of them
# again. With hundreds of paths that costs more than the requests do, so that no client gets many.
_STREAMS = 4
_MOST = 65_536


class HTTPThread:
    """Clients and what runs them; starts at its first use."""

    def __init__(self, api_key: str | None) -> None:
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None
        self._options: dict[str, Any] = {}
        self._streaming: dict[httpx.AsyncClient, int] = {}
        """The clients of streams, and how many each has open."""
        self._room = asyncio.Semaphore(1)
        self._problem: Exception | None = None
        self.closed = False

    @property
    def client(self) -> httpx.AsyncClient:
        """A client for a short request; only for coroutines that `submit` runs.

        Raises:
            EngineError: the thread was closed.
        """
        self._started()
        assert self._client is not None
        return self._client

    @contextlib.asynccontextmanager
    async def streaming(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one stream; only for coroutines that `submit` runs."""
        streaming = self._streaming
        async with self._room:
            client = next((client for client, open_ in streaming.items() if open_ < _STREAMS), None)
            if client is None:
                client = httpx.AsyncClient(**self._options, limits=_limits(_STREAMS))
            streaming[client] = streaming.get(client, 0) + 1
            try:
                yield client
            finally:
                streaming[client] -= 1

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the client's loop; cancelling the future cancels it.

        Raises:
            EngineError: the thread was closed.
        """
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._started())
        except EngineError:
            coroutine.close()
            raise

    def close(self) -> None:
        """Cancel what runs, and close every connection."""
        with self._lock:
            self.closed = True
            loop, thread = self._loop, self._thread
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self.closed:
                raise EngineError("the engine was closed")
            if self._loop is None:
                ready = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(ready,), name="peerleap-http", daemon=True)
                self._thread.start()
                ready.wait()
            if self._loop is None:
                raise EngineStartError(f"no HTTP client can be made: {type(self._problem).__name__}: {self._problem}")
            return self._loop

    def _run(self, ready: threading.Event) -> None:
        # Reading certificates blocks, which nothing inside a coroutine may do under `langgraph dev`.
        try:
            files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            most = _MOST if files == resource.RLIM_INFINITY else min(_MOST, max(8, files - _OTHER_FILES))
            short = max(2, most // 8)
            self._room = asyncio.Semaphore(max(1, most - short))
            self._options = {
                "headers": self._headers,
                "timeout": httpx.Timeout(None, connect=10.0, write=60.0),
                "mounts": dict.fromkeys(_LOCAL),
                "verify": httpx.create_ssl_context(),
            }
            self._client = httpx.AsyncClient(**self._options, limits=_limits(short + _STREAMS))
            self._streaming = {self._client: 0}
        except Exception as error:  # noqa: BLE001 - a proxy or a file of the environment
            self._problem = error
            ready.set()
            return
        loop = self._loop = asyncio.new_event_loop()
        ready.set()
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            for client in self._streaming:
                with contextlib.suppress(Exception):  # a peer may be gone
                    loop.run_until_complete(client.aclose())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, keepalive_expiry=_IDLE_SECONDS)
