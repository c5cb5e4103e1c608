"""A start of an engine that is still under way."""

import contextlib
import os
import signal
import threading
from concurrent.futures import Future, wait
from typing import TypeVar

from peerleap.engine.errors import EngineStartError
from peerleap.engine.processes import children

T = TypeVar("T")


class Starting(Future[T]):
    """An engine that is being started on a thread of its own; the start can be called off."""

    def __init__(self) -> None:
        super().__init__()
        self._called_off = False
        self._has_processes = False
        self.thread: threading.Thread | None = None

    def call_off(self) -> None:
        """End the start and its processes: a start can take a minute, and Ctrl-C must not."""
        self._called_off = True
        while self._has_processes and not self.done():
            for pid in children(self.thread):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            wait([self], timeout=0.1)

    def processes_follow(self) -> None:
        """Called before the first process is made.

        Raises:
            EngineStartError: the start was called off.
        """
        self._has_processes = True
        if self._called_off:
            raise EngineStartError("the engine was closed while it started")
