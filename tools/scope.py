"""What the tools of one run hold open: outside the state, and closed when the run ends."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from langchain_core.runnables import RunnableConfig

from peerleap.tools.threads import to_its_end

T = TypeVar("T")

# LangGraph copies no key with this prefix into checkpoints and traces.
_SCOPE, _CALL = "__peerleap_scope", "__peerleap_call"


class RunScope:
    """Things that live as long as a run; usable from any thread. The end of a `with` block closes them."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[Any, Callable[[Any], None]]] = {}
        self._lock = threading.RLock()
        self._closed = False

    def get(self, key: Hashable) -> Any:
        """The thing stored under `key`, or `None`."""
        with self._lock:
            return self._entries.get(key, (None,))[0]

    def add(self, key: Hashable, thing: T, close: Callable[[T], None]) -> T:
        """Hold `thing` until the run ends.

        Args:
            key: what `get` finds it by.
            thing: what to hold.
            close: called with it when the run ends; at once where the run has ended already.

        Returns:
            `thing`.
        """
        with self._lock:
            if not self._closed:
                self._entries[key] = (thing, close)
                return thing
        close(thing)
        return thing

    def close(self) -> None:
        """Close everything, the last added first; blocks until processes have ended. Idempotent."""
        with self._lock:
            self._closed = True
            entries, self._entries = list(self._entries.values()), {}
        for thing, close in reversed(entries):
            # One tool that does not close must not keep the others open.
            with contextlib.suppress(Exception):
                close(thing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Neither a second cancellation nor an event loop that ends may leave processes behind.
        await asyncio.shield(to_its_end(self.close))


@dataclass(frozen=True, slots=True)
class PathCall:
    """Which path calls, and what it has run before."""

    path: str
    cells: tuple[str, ...] = ()
    """The cells that made the state that the path knows of, in order: they run again where that state is gone."""
    seconds: float | None = None
    """How long the call may take."""


@runtime_checkable
class RunTool(Protocol):
    """A tool that holds something open for a run, such as processes."""

    def open_run(self, config: RunnableConfig) -> None:
        """The run begins: start what takes time, in the background."""

    async def ready(self, config: RunnableConfig) -> None:
        """A call follows: finish starting, outside the call's time limit; the call itself reports what failed."""


def scope_config(config: Mapping[str, Any] | None, scope: RunScope) -> RunnableConfig:
    """Put a run's scope into a config.

    Args:
        config: the config of the run; it is not changed.
        scope: what the run's tools hold open.

    Returns:
        A copy of `config` with the scope in it.
    """
    return _with(config, _SCOPE, scope)


def call_config(config: Mapping[str, Any] | None, call: PathCall) -> RunnableConfig:
    """Put a path's call into a config, where the tool sees it and the model does not.

    Args:
        config: the config of the node; it is not changed.
        call: which path calls.

    Returns:
        A copy of `config` with the call in it.
    """
    return _with(config, _CALL, call)


def run_scope(config: Mapping[str, Any] | None) -> RunScope | None:
    """The scope of the run that `config` belongs to; `None` outside a graph of ours."""
    found = ((config or {}).get("configurable") or {}).get(_SCOPE)
    return found if isinstance(found, RunScope) else None


def path_call(config: Mapping[str, Any] | None) -> PathCall:
    """The call that `config` belongs to; outside a graph of ours, the thread id stands for the path."""
    values = (config or {}).get("configurable") or {}
    found = values.get(_CALL)
    return found if isinstance(found, PathCall) else PathCall(str(values.get("thread_id", "python")))


def _with(config: Mapping[str, Any] | None, key: str, value: object) -> RunnableConfig:
    copied = dict(config or {})
    copied["configurable"] = {**(copied.get("configurable") or {}), key: value}
    return copied  # type: ignore[return-value]  # a copy of what was one
