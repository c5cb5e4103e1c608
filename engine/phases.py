"""How vLLM's processes say that they load weights and warm up: a datagram to the host for each phase.

vLLM logs these moments, at a level that is not shown. In its processes, as a part of our plugin, a filter on the
loggers sends the phase to the host instead. Where vLLM words its log otherwise, a phase is not seen, and nothing else.
"""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator

ADDRESS = "PEERLEAP_ENGINE_PHASES"
"""Environment variable with the name of the host's socket, in Linux's abstract namespace."""

_PHASES = {
    "Starting to load model": "loading weights",
    "Warming up model": "warming up",
    "Loading weights took": "warming up",
}
_LOGGERS = ("vllm.v1.worker.cpu_model_runner", "vllm.v1.worker.gpu_model_runner",
            "vllm.model_executor.model_loader.default_loader")  # fmt: skip


class _Report(logging.Filter):
    def __init__(self, address: str, level: int) -> None:
        super().__init__()
        self._address, self._level = address, level

    def filter(self, record: logging.LogRecord) -> bool:
        for begin, phase in _PHASES.items():
            if str(record.msg).startswith(begin):
                with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                    sender.sendto(phase.encode(), f"\0{self._address}")
        return record.levelno >= self._level


def report_phases() -> None:
    """Called in each of vLLM's processes: report their phases to the host that started them."""
    if not (address := os.environ.get(ADDRESS)):
        return
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addFilter(_Report(address, logger.getEffectiveLevel()))
        logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))


@contextlib.contextmanager
def listen(enter: Callable[[str], None]) -> Iterator[None]:
    """Receive the phases of vLLM's processes that start inside the `with` block.

    Args:
        enter: called with each phase, on a thread of its own.
    """
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    address = f"peerleap-{os.getpid()}-{threading.get_ident()}"
    try:
        receiver.bind(f"\0{address}")
    except OSError:  # no abstract namespace: not Linux
        receiver.close()
        yield
        return

    def receive() -> None:
        while phase := receiver.recv(64).decode():
            enter(phase)

    thread = threading.Thread(target=receive, name="peerleap-engine-phases", daemon=True)
    thread.start()
    os.environ[ADDRESS] = address
    try:
        yield
    finally:
        os.environ.pop(ADDRESS, None)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", f"\0{address}")
        thread.join()
        receiver.close()
