"""The host's handle of one fork server: start it, order sessions from it, see it gone."""

import array
import asyncio
import contextlib
import itertools
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
from collections import deque
from functools import partial
from weakref import WeakValueDictionary

from peerleap.tools.sandbox.errors import SandboxUnavailable
from peerleap.tools.sandbox.launch import Walls
from peerleap.tools.sandbox.process import Process
from peerleap.tools.sandbox.worker_process import children, kill_child, runs, start_worker

_START_TIMEOUT_S = 120
_END_TIMEOUT_S = 15
_POLL_S = 0.002
_CREDENTIALS = struct.Struct("iII")  # process, user and group
_CORES = itertools.count()  # where the sessions of all sandboxes go, one core after the other


class ForkServer:
    """A running worker. All methods belong to the loop_thread's thread."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, *, nested: bool, folder: str | None
    ) -> None:
        self._process = process
        self._control = control
        self._nested = nested
        self._folder = folder
        self._sessions = 0
        self._ready = False
        self._first: int | None = None
        self._unsent: deque[tuple[bytes, socket.socket | None]] = deque()
        self._full = False
        self._processes: WeakValueDictionary[int, Process] = WeakValueDictionary()

    @classmethod
    async def start(cls, walls: Walls, *, memory_mb: int, max_output: int) -> "ForkServer":
        """Start a worker and wait until its packages are imported. `SandboxUnavailable` if it fails."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        # Without walls a cell can write files; then at least not where the host happens to stand.
        folder = None if walls.bwrap or walls.landlock else tempfile.mkdtemp(prefix="peerleap-")
        try:
            with theirs:
                number = theirs.fileno()
                process = start_worker(walls, number, folder or "/", memory_mb=memory_mb, max_output=max_output)
        except BaseException:
            ours.close()
            _remove(folder)
            raise
        fork_server = cls(process, ours, nested=bool(walls.bwrap), folder=folder)
        try:
            await fork_server._wait_until_ready()
        except BaseException:
            fork_server.kill()
            await fork_server.close()
            raise
        return fork_server

    @property
    def pid(self) -> int:
        """The process that was started: bubblewrap's, where there is one."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def unreachable(self) -> bool:
        """Whether nobody reads its orders any more, though some of its processes may still have to die."""
        if self._control.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._control, 0)
        return any(happened & select.POLLHUP for _, happened in poll.poll(0))

    async def fork(self, seed: int) -> Process:
        """Order one session; it reports on its socket when it has locked itself down."""
        self._sessions += 1
        number = self._sessions
        ours, theirs = socket.socketpair()
        process = self._processes[number] = Process(partial(self._order, number))
        self._send({"order": "spawn", "session": number, "seed": seed, "core": next(_CORES)}, theirs)
        await asyncio.get_running_loop().create_unix_connection(lambda: process, sock=ours)
        return process

    def kill(self) -> None:
        """End the worker and all its sessions at once, without asking it."""
        if not self.alive:
            return  # its number may be another's by now
        below = children(self._process.pid)
        for child in below:
            kill_child(child, self._process.pid)
        # bubblewrap leaves by itself once its child, the first of a namespace, is dead and all others
        # with it; killed first, it could be reported gone while they still run.
        if not (self._nested and below):
            self._process.kill()

    async def close(self) -> None:
        """Let it end its sessions and itself, then make sure; returns when no process is left."""
        with contextlib.suppress(OSError):
            # Not only close: a process forked off the host may hold a copy of the descriptor.
            self._control.shutdown(socket.SHUT_RDWR)
        self._flush()  # nobody reads it any more: to let go of what is attached
        self._stop_listening()
        self._control.close()
        if not self._ready:
            self.kill()
        if not await self.ended(_END_TIMEOUT_S):
            self.kill()
            if not await self.ended(_END_TIMEOUT_S):
                self._process.kill()
                self._process.wait()
        if self._first is not None:
            os.close(self._first)
            self._first = None
        _remove(self._folder)

    async def ended(self, within_s: float) -> bool:
        """Whether it has ended, and all its sessions with it, given that many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while self.alive or runs(self._first):
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _wait_until_ready(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as complaints:
            try:
                async with asyncio.timeout(_START_TIMEOUT_S):
                    message = await asyncio.get_running_loop().sock_recv(self._control, 4096)
            except TimeoutError:
                raise SandboxUnavailable(f"the worker was not ready after {_START_TIMEOUT_S} s") from None
            except ConnectionError:
                message = b""
            if not message:
                self.kill()
                self._process.wait()
                lines = complaints.read(4096).decode(errors="replace").strip().splitlines()
                raise SandboxUnavailable(f"the worker did not start: {(lines or ['it printed nothing'])[-1]}")
        self._ready = True
        asyncio.get_running_loop().add_reader(self._control, self._listen)
        if self._nested:
            # bubblewrap leaves when the worker has, a moment before the kernel has emptied the namespace: its first
            # process is the last one to go.
            with contextlib.suppress(OSError, IndexError):
                self._first = os.pidfd_open(children(self._process.pid)[0])

    def _listen(self) -> None:
        """Learn the process id of a new session, which the kernel attests: it is looked at while it runs cells."""
        try:
            message, attached, _, _ = self._control.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        except BlockingIOError:
            return
        except OSError:
            message, attached = b"", []
        if not message:
            self._stop_listening()
            return
        for _, kind, data in attached:
            process = self._processes.get(json.loads(message)["session"])
            if kind == socket.SCM_CREDENTIALS and process is not None:
                process.pid = _CREDENTIALS.unpack(data)[0]

    def _stop_listening(self) -> None:
        if self._ready and self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)

    def _order(self, session: int, order: str) -> None:
        self._send({"order": order, "session": session})

    def _send(self, order: dict[str, object], attached: socket.socket | None = None) -> None:
        self._unsent.append((json.dumps(order).encode(), attached))
        self._flush()

    def _flush(self) -> None:
        """Send the orders that wait. Dozens of sessions give more of them at a time than a socket holds."""
        full = False
        while self._unsent and not full:
            order, attached = self._unsent[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [attached.fileno()]))] if attached else []
            try:
                self._control.sendmsg([order], rights)
            except BlockingIOError:
                full = True
                continue
            except OSError:
                pass  # it is gone, and its sessions with it
            self._unsent.popleft()
            if attached:
                attached.close()
        if full != self._full:
            self._full, loop = full, asyncio.get_running_loop()
            if full:
                loop.add_writer(self._control, self._flush)
            else:
                loop.remove_writer(self._control)


def _remove(folder: str | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
