"""What an engine does while it starts: phases for loggers and listeners, and how long it took the last time here."""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from peerleap.engine.shipped import cache_folder

log = logging.getLogger("peerleap.engine")

Phase = Literal["importing vLLM", "starting its process", "loading weights", "warming up", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class StartProgress:
    """A start of an engine has come to a new phase. An engine starts once per process, at its first request."""

    model: str
    phase: Phase
    seconds: float
    """Seconds since the start began."""
    last_seconds: float | None
    """Seconds that the whole start took the last time on this machine; `None` the first time."""

    @property
    def text(self) -> str:
        """One line for people."""
        if self.phase == "ready":
            return f"{self.model} is ready after {self.seconds:.0f} s"
        if self.phase == "failed":
            return f"{self.model} did not start ({self.seconds:.0f} s)"
        expected = "" if self.last_seconds is None else f", {self.last_seconds:.0f} s in all the last time here"
        return f"starting {self.model}, once per process{expected}: {self.phase} ({self.seconds:.0f} s so far)"


OnProgress = Callable[[StartProgress], None]
_listeners: list[OnProgress] = []


@contextlib.contextmanager
def watch_starts(listener: OnProgress) -> Iterator[None]:
    """Tell a listener of every engine that starts in this process while the `with` block lasts.

    The logger `peerleap.engine` gets the same lines at level INFO.

    Args:
        listener: called on the engine's own thread; what it raises is logged, and the start goes on.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class StartClock:
    """Times one start of an engine, and announces its phases."""

    def __init__(self, model: str) -> None:
        self._model, self._began, self._last = model, time.monotonic(), last_start(model)
        self._lock = threading.Lock()
        self._phases: list[Phase] = []

    def enter(self, phase: Phase) -> None:
        """Announce a phase, once."""
        with self._lock:
            if phase in self._phases or {"ready", "failed"} & set(self._phases):
                return
            self._phases.append(phase)
        progress = StartProgress(self._model, phase, time.monotonic() - self._began, self._last)
        log.info("%s", progress.text)
        for listener in (*_listeners,):
            try:
                listener(progress)
            except Exception:
                log.exception("a listener to the engine's start failed")
        if phase == "ready":
            _remember(self._model, progress.seconds)


def last_start(model: str) -> float | None:
    """Seconds that the start of a model took the last time on this machine, if it was started here before."""
    seconds = _starts().get(model)
    return seconds if isinstance(seconds, int | float) else None


def _starts() -> dict[str, float]:
    with contextlib.suppress(OSError, ValueError):
        starts = json.loads(_file().read_text(encoding="utf-8"))
        return starts if isinstance(starts, dict) else {}
    return {}


def _remember(model: str, seconds: float) -> None:
    target = _file()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a cache that cannot be written costs an estimate only
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(_starts() | {model: round(seconds, 1)}, indent=1), encoding="utf-8")
        beside.replace(target)


def _file() -> Path:
    return cache_folder() / "starts.json"
