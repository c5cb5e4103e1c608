"""The `python` tool: cells of one path share variables, as in a notebook."""

import contextlib
import threading
from typing import Any, Literal, NoReturn, Protocol

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from peerleap.tools import prompts
from peerleap.tools.sandbox import LONGEST_S, CellResult, Limits, MontySandbox, ReplayResult, Sandbox, SandboxError
from peerleap.tools.scope import PathCall, RunScope, path_call, run_scope


class _Session(Protocol):
    async def arun(self, code: str, *, timeout_s: float | None = None) -> CellResult: ...
    async def areplay(self, cells: tuple[str, ...]) -> ReplayResult: ...
    def close(self) -> None: ...


class _Box(Protocol):
    def warm_up(self) -> None: ...
    async def asession(self, name: str) -> _Session: ...
    def close(self) -> None: ...


BACKENDS: dict[str, type[Sandbox] | type[MontySandbox]] = {"sandbox": Sandbox, "monty": MontySandbox}
"""What runs cells, by name: CPython behind the walls of Linux, or an interpreter of a part of Python, anywhere."""

_MONTY: dict[str, Any] = {
    "description": "Runs plain Python without numpy or sympy; variables persist between calls; print what you need.",
    "metadata": {"installed": prompts.MONTY_INSTALLED},
}


class _Cell(BaseModel):
    code: str = Field(description="The Python code of one cell.")


class _Python(BaseTool):
    name: str = "python"
    description: str = "Runs Python with numpy and sympy; variables persist between calls; print what you need."
    args_schema: type[BaseModel] = _Cell
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    _options: dict[str, Any] = PrivateAttr()
    _kind: type[Sandbox] | type[MontySandbox] = PrivateAttr()
    _own_sandbox: _Box | None = PrivateAttr()
    _sandbox: _Box | None = PrivateAttr(default=None)
    _runs: int = PrivateAttr(default=0)
    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    _own: RunScope = PrivateAttr(default_factory=RunScope)

    def __init__(self, sandbox: _Box | None, backend: str, options: dict[str, Any], limits: dict[str, Any]) -> None:
        kind = BACKENDS[backend] if sandbox is None else type(sandbox)
        mine = _MONTY if issubclass(kind, MontySandbox) else {}
        super().__init__(**{**mine, "metadata": {**mine.get("metadata", {}), **limits}})
        self._own_sandbox, self._options = sandbox, options
        self._kind = BACKENDS[backend]

    def open_run(self, config: RunnableConfig) -> None:
        """See `RunTool`."""
        self._box(run_scope(config) or self._own).warm_up()

    async def ready(self, config: RunnableConfig) -> None:
        """See `RunTool`."""
        with contextlib.suppress(SandboxError):
            await self._session(config)

    def close(self) -> None:
        """Close the sessions of calls outside a run; a run closes its own."""
        self._own.close()

    def _run(self, code: str) -> NoReturn:
        raise NotImplementedError(f"{self.name!r} is asynchronous: use ainvoke")

    async def _arun(self, code: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        session = await self._session(config)
        scope, call = run_scope(config) or self._own, path_call(config)
        note = scope.get((id(self), call.path, "lost")) or ""
        if note:
            scope.add((id(self), call.path, "lost"), "", _nothing)
        own = self._options.get("timeout_s")
        limits = [min(seconds, LONGEST_S) for seconds in (own, call.seconds) if seconds is not None]
        result = await session.arun(code, timeout_s=min(limits, default=None))
        artifact = {"cell": code, "ok": result.ok, "lost": result.state_lost, "seconds": result.duration_s}
        artifact["printed"] = result.printed
        if result.sha256:
            artifact["sha256"] = result.sha256
        return note + result.text(), artifact

    async def _session(self, config: RunnableConfig) -> _Session:
        """The path's session: opened at its first call, with the cells that it ran before a resume."""
        scope, call = run_scope(config) or self._own, path_call(config)
        session: _Session | None = scope.get((id(self), call.path))
        if session is None:
            session = await self._box(scope).asession(call.path)
            scope.add((id(self), call.path), session, lambda opened: opened.close())
            if call.cells:
                scope.add((id(self), call.path, "lost"), await _replayed(session, call), _nothing)
        return session

    def _box(self, scope: RunScope) -> _Box:
        """The sandbox of all runs that go on at the same time."""
        if self._own_sandbox is not None:
            return self._own_sandbox
        with self._lock:
            sandbox = self._sandbox = self._sandbox or self._kind(**self._options)
            if scope.get(id(self)) is None:
                self._runs += 1
                scope.add(id(self), self, _Python._leave)
            return sandbox

    def _leave(self) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs:
                return
            sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()


def python(
    sandbox: Sandbox | MontySandbox | None = None, *, backend: Literal["sandbox", "monty"] = "sandbox", **options: Any
) -> BaseTool:
    """A `python(code)` tool. Each path has a session of its own, which ends with the run; see docs/sandbox.md.

    The sandbox starts when a run begins and ends with the last run that uses it; one that you pass is yours to close.
    After a resume the path's earlier cells are run again, and the model reads what could not be restored.

    Args:
        sandbox: where to run cells, instead of a sandbox made with `options`.
        backend: `sandbox` needs Linux; `monty` (extra `monty`) runs a part of Python anywhere.
        options: of `Sandbox`: `timeout_s` (seconds), `memory_mb` (MiB), `min_tier`, `allow_unsandboxed`, ...; or of
            `MontySandbox`: `timeout_s`, `memory_mb`, `max_output`.

    Returns:
        The tool, for `Peer(tools=[...])`.

    Raises:
        ValueError: both a sandbox and options, an unknown backend, or an option that makes no sense.
        TypeError: an unknown option.
        ImportError: the backend's package is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is none of {', '.join(BACKENDS)}")
    if sandbox is not None and (options or backend != "sandbox"):
        raise ValueError(f"{', '.join(options) or 'backend'}: give these to the sandbox that you pass")
    box = sandbox or BACKENDS[backend](**options)  # starts nothing, but checks the options
    limits: dict[str, Any] = {"max_seconds": options["timeout_s"]} if "timeout_s" in options else {}
    if box.max_output != Limits.max_output:
        limits["max_chars"] = box.max_output
    return _Python(sandbox, backend, options, limits)


async def _replayed(session: _Session, call: PathCall) -> str:
    """Run the path's earlier cells again; the note for the model where not all came back."""
    result = await session.areplay(call.cells)
    if result.complete:
        return ""
    return prompts.STATE_LOST.format(restored=result.restored, total=result.total, reason=result.reason)


def _nothing(_: object) -> None: ...
