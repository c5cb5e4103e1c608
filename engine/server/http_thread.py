"""An HTTP client on an event loop and thread of its own: connections outlive the callers' loops."""

import asyncio
import contextlib
import resource
import threading
from collections.abc import Coroutine
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


class HTTPThread:
    """A client and what runs it; starts at its first use."""

    def __init__(self, api_key: str | None) -> None:
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None
        self._problem: Exception | None = None
        self.closed = False

    @property
    def client(self) -> httpx.AsyncClient:
        """The client; only for coroutines that `submit` runs.

        Raises:
            EngineError: the thread was closed.
        """
        self._started()
        assert self._client is not None
        return self._client

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
            most = None if files == resource.RLIM_INFINITY else max(8, files - _OTHER_FILES)
            self._client = httpx.AsyncClient(
                headers=self._headers,
                timeout=httpx.Timeout(None, connect=10.0, write=60.0),
                limits=httpx.Limits(max_connections=most, keepalive_expiry=_IDLE_SECONDS),
                mounts=dict.fromkeys(_LOCAL),
            )
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
            with contextlib.suppress(Exception):  # a peer may be gone
                loop.run_until_complete(self._client.aclose())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
