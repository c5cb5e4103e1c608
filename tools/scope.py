"""What the tools of one run hold open: outside the state, and closed when the run ends."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from langchain_core.runnables import RunnableConfig

from peerleap.tools.threads import to_its_end

__all__ = ["PathCall", "RunScope", "RunTool", "call_config", "path_call", "run_scope", "scope_config"]

T = TypeVar("T")

# LangGraph copies no key with this prefix into checkpoints and traces.
_SCOPE, _CALL = "__peerleap_scope", "__peerleap_call"


class RunScope:
    """Things that live as long as a run; usable from any thread. The end of a `with` block closes them."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Any, Callable[[Any], None]]] = {}
        self._lock = threading.RLock()
        self._closed = False

    def get(self, key: Hashable) -> Any:
        """What is kept under `key`, or `None`."""
        with self._lock:
            return self._kept.get(key, (None,))[0]

    def keep(self, key: Hashable, thing: T, close: Callable[[T], None]) -> T:
        """Keep `thing` until the run ends; then `close(thing)` is called, at once where it has ended already."""
        with self._lock:
            if not self._closed:
                self._kept[key] = (thing, close)
                return thing
        close(thing)
        return thing

    def close(self) -> None:
        """Close everything, the last kept first; may block for as long as processes need to die. Idempotent."""
        with self._lock:
            self._closed = True
            kept, self._kept = list(self._kept.values()), {}
        for thing, close in reversed(kept):
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
    """What made the state that the path has been told of, in order: to be run again where that state is gone."""
    seconds: float | None = None
    """How long the call may take."""


@runtime_checkable
class RunTool(Protocol):
    """A tool that holds something open for a run, such as processes."""

    def open_run(self, config: RunnableConfig) -> None:
        """The run begins: start what takes time, in the background."""

    async def ready(self, config: RunnableConfig) -> None:
        """A call follows: finish starting, outside the call's time limit; what fails is for the call to tell."""


def scope_config(config: Mapping[str, Any] | None, scope: RunScope) -> RunnableConfig:
    """`config` with `scope` in it."""
    return _with(config, _SCOPE, scope)


def call_config(config: Mapping[str, Any] | None, call: PathCall) -> RunnableConfig:
    """`config` with `call` in it, for the tool and not for the model."""
    return _with(config, _CALL, call)


def run_scope(config: Mapping[str, Any] | None) -> RunScope | None:
    """The scope of the run that `config` belongs to; `None` outside a graph of ours."""
    found = ((config or {}).get("configurable") or {}).get(_SCOPE)
    return found if isinstance(found, RunScope) else None


def path_call(config: Mapping[str, Any] | None) -> PathCall:
    """Who calls; outside a graph of ours, the thread id stands for the path."""
    given = (config or {}).get("configurable") or {}
    found = given.get(_CALL)
    return found if isinstance(found, PathCall) else PathCall(str(given.get("thread_id", "python")))


def _with(config: Mapping[str, Any] | None, key: str, value: object) -> RunnableConfig:
    given = dict(config or {})
    given["configurable"] = {**(given.get("configurable") or {}), key: value}
    return given  # type: ignore[return-value]  # a copy of what was one
