"""A start of an engine that is still under way."""

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from peerleap.engine.errors import EngineStartError
from peerleap.engine.processes import children

T = TypeVar("T")


def refuse_in_own_process() -> None:
    """Refuse a start in a process that an engine is being started in, which imports the program that started it.

    Raises:
        EngineStartError: says what the program lacks.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing's own check
        raise EngineStartError(
            "the engine's processes import the program that starts them, and this program would start them again: "
            "put what it runs under `if __name__ == '__main__':`"
        )


class Starting(Future[T]):
    """An engine that is being started on a thread of its own; the start can be called off.

    It begins with what can be done before the tokenizer is loaded, and waits for `go_on`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._called_off = False
        self._has_processes = False
        self._going_on = threading.Event()
        self._late_args: dict[str, Any] = {}
        self.thread: threading.Thread | None = None

    @property
    def going_on(self) -> bool:
        """Whether `go_on` was called."""
        return self._going_on.is_set()

    def go_on(self, late_args: dict[str, Any]) -> None:
        """Let the start go on, once; later calls do nothing.

        Args:
            late_args: engine arguments that were not known when it began.
        """
        if not self.going_on:
            self._late_args = late_args
            self._going_on.set()

    def wait_to_go_on(self) -> dict[str, Any]:
        """Wait for `go_on`.

        Returns:
            The arguments that it was called with.

        Raises:
            EngineStartError: the start was called off.
        """
        self._going_on.wait()
        self._refuse_if_called_off()
        return self._late_args

    def call_off(self) -> None:
        """End the start and its processes: a start can take a minute, and Ctrl-C must not."""
        self._called_off = True
        self._going_on.set()
        self._end_processes()
        while self._has_processes and not self.done():
            wait([self], timeout=0.1)
            self._end_processes()

    def processes_follow(self) -> None:
        """Called before vLLM makes or takes its first process.

        Raises:
            EngineStartError: the start was called off.
        """
        self._has_processes = True
        self._refuse_if_called_off()

    def _refuse_if_called_off(self) -> None:
        if self._called_off:
            raise EngineStartError("the engine was closed while it started")

    def _end_processes(self) -> None:
        for pid in () if self.done() else children(self.thread):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
