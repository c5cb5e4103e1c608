"""The host's end of one session's socket. Everything that comes out of it is suspect."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peerleap.tools.sandbox.worker.accounting import MOST_THREADS
from peerleap.tools.sandbox.worker.frames import FrameError, FrameReader, pack

_LOOK_S = 0.1  # seconds between two looks at a running cell's threads


class ProcessLost(Exception):
    """The session's process is gone; the text says why."""


class Process(asyncio.Protocol):
    """One process of a session: request and reply, freeze and kill."""

    def __init__(self, order: Callable[[str], None]) -> None:
        self._order = order
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[dict[str, Any]] | None = None
        self._frozen = False
        self.reason = ""
        """Why the process was sent away; empty while it is trusted."""
        self.pid = 0
        """Its process id, as this machine's `/proc` has it; 0 while it is unknown."""
        self.gone = asyncio.get_running_loop().create_future()
        """Done when the process's end is closed: it is dead, or has shut itself off and will be killed."""

    @property
    def alive(self) -> bool:
        """Whether it can take a request."""
        return not self.reason and not self.gone.done()

    async def ask(self, request: Mapping[str, Any] | None, within_s: float) -> dict[str, Any]:
        """Send a request (None: only listen) and return the next frame.

        `TimeoutError` after `within_s` seconds, `ProcessLost` if the process ends or misbehaves.
        """
        if not self.alive or self._transport is None:
            raise ProcessLost(self.reason or "the Python process ended")
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            if request is not None:
                self._thaw()
                self._transport.write(pack(request))
            async with asyncio.timeout(within_s):
                while not (await asyncio.wait({self._waiting}, timeout=_LOOK_S))[0]:
                    self._check_threads()
                reply = self._waiting.result()
            self._check_threads()
        finally:
            self._waiting = None
        self._freeze()
        return reply

    def kill(self, reason: str) -> None:
        """End the process; takes effect without being waited for (`gone` tells)."""
        self.reason = self.reason or reason
        self._order("kill")
        self._fail(ProcessLost(self.reason))

    def abandon(self) -> None:
        """Close the host's end."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """`asyncio.Protocol`: the socket is watched from now on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """`asyncio.Protocol`: exactly one frame may come, and only when one is awaited."""
        if self.reason:
            return
        try:
            frames = self._reader.feed(data)
        except FrameError as error:
            self.kill(f"protocol violation: {error}")
            return
        if not frames:
            return
        if len(frames) > 1 or self._reader.pending or self._waiting is None or self._waiting.done():
            self.kill("protocol violation: a frame that nobody asked for")
            return
        self._waiting.set_result(frames[0])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """`asyncio.Protocol`: the process has ended, or the host let go of it."""
        if not self.gone.done():
            self.gone.set_result(None)
        self._fail(ProcessLost(self.reason or "the Python process ended"))

    def _check_threads(self) -> None:
        """Kill a process of too many threads: raw system calls make them past all of Python's own bounds."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_bytes() if self.pid else b""
        except OSError:
            return  # it has just ended
        count = int(status.partition(b"Threads:")[2].split(maxsplit=1)[0]) if b"Threads:" in status else 1
        if count > MOST_THREADS:
            reason = f"stopped with {count} threads; {MOST_THREADS} at most"
            self.kill(reason)
            raise ProcessLost(reason)

    def _freeze(self) -> None:
        # A thread that a cell left behind would go on burning a core between cells.
        self._order("freeze")
        self._frozen = True

    def _thaw(self) -> None:
        if self._frozen:
            self._order("thaw")
            self._frozen = False

    def _fail(self, error: ProcessLost) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
