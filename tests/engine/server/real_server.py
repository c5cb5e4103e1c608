"""Real `vllm serve` and `vllm-router` processes, which can be killed and started again on their ports."""

import contextlib
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import httpx

from peerleap.engine import MINIATURE
from peerleap.engine.device import default_engine_args
from peerleap.engine.models import resolve_model

ROUTER = os.environ.get("VLLM_ROUTER") or shutil.which("vllm-router")
"""The command `vllm-router`, which the project does not install; `None` where there is none."""

_SESSION = re.compile(rb"x-session-id: *([^\r\n]+)\r\n", re.IGNORECASE)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class RealServer:
    """A process group that serves HTTP on a port of its own."""

    ready = "/health"

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), env={**os.environ, **self.environment()}, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self) -> None:
        assert self._process is not None
        for _ in range(3000):
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}{self.ready}").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"{self.command()!r} does not serve: {self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it was killed, and has been reaped
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class VLLMServer(RealServer):
    """`vllm serve` with the shipped miniature, as the engine in process runs it."""

    def __init__(self, log: Path, context: int, core: int | None = None) -> None:
        super().__init__(log)
        self._context, self._core = context, core

    def command(self) -> list[str]:
        model = resolve_model(MINIATURE)
        # The script `vllm` looks for a distribution of this name, which the CPU build is not.
        command = [sys.executable, "-m", "vllm.entrypoints.launchers.api_server.entry", "--model", model.path,
                   "--host", "127.0.0.1", "--port", str(self.port), "--max-model-len", str(self._context),
                   "--generation-config", "vllm", "--enable-prompt-tokens-details"]  # fmt: skip
        for name, value in default_engine_args("cpu", model).items():
            if name in {"dtype", "block_size"}:
                command += [f"--{name.replace('_', '-')}", str(value)]
        command += ["--enforce-eager", "--no-enable-chunked-prefill"]
        return [*command, "--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}']

    def environment(self) -> dict[str, str]:
        env = {"VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "TORCH_COMPILE_DISABLE": "1",
               "VLLM_LOGGING_LEVEL": "WARNING"}  # fmt: skip
        return env if self._core is None else {**env, "VLLM_CPU_OMP_THREADS_BIND": str(self._core)}

    def running(self) -> float:
        """Requests that vLLM is at work on."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("vllm:num_requests_running{"))


class VLLMRouter(RealServer):
    """`vllm-router` before servers; it looks often whether they live, since the tests do not wait for minutes."""

    ready = "/readiness"  # its `/health` is that of its worst server

    def __init__(self, log: Path, servers: Sequence[str], policy: str) -> None:
        super().__init__(log)
        self._servers, self._policy, self._metrics = [*servers], policy, free_port()

    def command(self) -> list[str]:
        assert ROUTER is not None
        return [ROUTER, "--host", "127.0.0.1", "--port", str(self.port), "--prometheus-port", str(self._metrics),
                "--policy", self._policy, "--health-check-interval-secs", "2", "--worker-startup-check-interval", "1",
                "--worker-urls", *self._servers]  # fmt: skip


class Recorder:
    """Stands before a server, passes every byte on, and knows which sessions came."""

    def __init__(self, server: RealServer) -> None:
        self.requests: dict[str, int] = defaultdict(int)
        """By session: how many requests it has sent."""
        recorder = self

        class _Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", server.port)) as there:
                    back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
                    back.start()
                    recorder._read(self.request, there)
                    back.join()

        self._listener = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Connection)
        self._listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._listener.server_address[1]}"
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def _read(self, here: socket.socket, there: socket.socket) -> None:
        rest = b""
        while part := _receive(here):
            rest += part
            end = 0
            for found in _SESSION.finditer(rest):
                self.requests[found[1].decode()] += 1
                end = found.end()
            rest = rest[max(end, len(rest) - 300) :]  # a header may come in two parts
            there.sendall(part)
        _end(there)

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := _receive(source):
            target.sendall(part)
    except OSError:
        pass
    _end(target)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


def _end(target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
