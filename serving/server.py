"""uvicorn on a socket, and how it ends: who runs may finish, for a while."""

import asyncio
import contextlib
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from peerleap.serving.admission import Admission

# Seconds for connections to close when nothing runs any more.
_CLOSING = 3
# Seconds that an idle connection stays open: longer than clients and proxies hold theirs, since who sends a request on
# a connection that is just being closed gets an error. Who sends half of its headers has no more time.
_IDLE = 75


def bind(host: str, port: int) -> socket.socket:
    """A socket on an address; it accepts nobody until `serve` runs.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        ValueError: the address is taken, or none of this machine's.
    """
    found = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, UnicodeError, OverflowError) as error:
        if found is not None:
            found.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"--host {host} --port {port}: {reason[0].lower()}{reason[1:]}; choose another one") from error
    return found


def is_local(host: str) -> bool:
    """Whether only programs on this machine reach an address."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


async def serve(
    app: Starlette,
    admission: Admission,
    listener: socket.socket,
    *,
    grace: float = 30.0,
    ready: Callable[[], None] = lambda: None,
    notice: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve until SIGTERM or Ctrl-C; a second one stops who runs at once.

    Args:
        app: from `create_app`.
        admission: the app's.
        listener: from `bind`; closed at the end.
        grace: seconds that running requests have to finish.
        ready: called when the server takes requests.
        notice: what happens, for people.

    Returns:
        The signal that ended it; 0 without one.
    """
    server = _Server(app, admission, grace, ready, notice)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        admission.stop()
        server.should_exit = True
        await serving
        raise
    return server.ended_by


class _Connection(H11Protocol):
    """A connection on which headers must come soon, and end.

    httptools, which uvicorn prefers, takes headers of any length, and holds up the loop while it does.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next one."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        if self._waiting is not None:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(_IDLE, self._end)

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn with its signals handled here: it would raise them again at its end, before the engine is shut down."""

    def __init__(
        self,
        app: Starlette,
        admission: Admission,
        grace: float,
        ready: Callable[[], None],
        notice: Callable[[str], None],
    ) -> None:
        config = uvicorn.Config(
            app, http=_Connection, ws="none", log_config=None, access_log=False, server_header=False,
            proxy_headers=False, lifespan="off", timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=round(grace + _CLOSING),
        )  # fmt: skip
        super().__init__(config)
        self.ended_by = 0
        self._admission, self._grace, self._ready, self._notice = admission, grace, ready, notice

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals on the loop while the server runs."""
        loop = asyncio.get_running_loop()
        main = threading.current_thread() is threading.main_thread()
        numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN and main]
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Let who runs finish; the second time, stop them."""
        if self.should_exit:
            self._admission.stop()
            return
        self.should_exit, self.ended_by = True, sig
        self._admission.close()
        if running := self._admission.running:
            self._notice(
                f"stopping: {running} running request{'s' * (running > 1)} may finish within {self._grace:g} s; "
                "once more stops at once"
            )
        asyncio.get_running_loop().call_later(self._grace, self._admission.stop)
