"""Runs one call of a path through LangGraph's `ToolNode`, within the path's limits."""

import asyncio
import copy
import functools
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, merge_configs
from langchain_core.tools import BaseTool, StructuredTool, Tool
from langgraph.prebuilt import ToolNode, ToolRuntime
from langgraph.prebuilt.tool_node import ToolInvocationError
from langgraph.runtime import Runtime
from pydantic import BaseModel, create_model

from peerleap.tools import prompts
from peerleap.tools.limits import ToolLimits, ToolUse
from peerleap.tools.protocols import BadCall, ToolRequest, unavailable
from peerleap.tools.threads import BoundedThreads
from peerleap.tools.untrusted import neutralise, shorten

Status = Literal["ok", "error", "timeout", "limit", "repeat", "bad_call"]

# A tool that keeps the limit itself says more about it than we can: it gets this much longer.
GRACE_S: Final = 2.0
_RUNTIME = "__pregel_runtime"  # the config key in which graphs hand their runtime to nodes
_LONGEST = 200_000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What came of one call."""

    text: str
    """What the model reads: harmless, and no longer than the limit."""
    status: Status
    duration_s: float
    artifact: Any
    """The tool's structured result, for traces and evaluation; the model does not see it."""
    digest: str
    """SHA-256 of the tool's whole output, before anything was cut; a tool that cuts it gives it as its artifact's
    `sha256`."""
    use: ToolUse
    """What the path has spent now."""


class ToolRunner:
    """The tools of one peer, for any number of paths and event loops.

    Arguments are validated and injected by `ToolNode`; unknown tools, wrong arguments and errors become text for the
    model. `GraphInterrupt` and cancellation pass through. Blocking tools run on at most `max_threads` threads.
    """

    def __init__(
        self,
        tools: Sequence[BaseTool | Callable[..., Any]],
        *,
        limits: ToolLimits | None = None,
        markers: Iterable[str] = (),
        max_threads: int = 16,
    ) -> None:
        self.limits = limits or ToolLimits()
        self._markers = tuple(markers)
        self._threads = BoundedThreads(max_threads, "peerleap-tool")
        named = ToolNode(tools).tools_by_name  # turns plain functions into tools
        if len(named) < len(tools):
            raise ValueError(f"tools={sorted(named)!r} holds a name twice")
        self.tools: tuple[BaseTool, ...] = tuple(named.values())
        mine = [_off_loop(_any_context(tool), self._threads) for tool in self.tools]
        self._node = ToolNode(mine, handle_tool_errors=_error_text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends idle threads; the runner is of no use afterwards."""
        self._threads.close()

    def remaining(self, use: ToolUse) -> int:
        """Calls that a path may still make."""
        left = self.limits.calls - use.calls
        return max(0, left) if use.seconds < self.limits.path_seconds else 0

    async def run(
        self, call: ToolRequest | BadCall, config: RunnableConfig | None = None, *, use: ToolUse | None = None
    ) -> ToolOutcome:
        """Runs `call`; `config` is the node's own, and `use` what its path has spent before."""
        use = use or ToolUse()
        spent = replace(use, calls=use.calls + 1)
        if isinstance(call, BadCall):
            return self._outcome(call.message, "bad_call", spent)
        if not self.remaining(use):
            return self._outcome(prompts.LIMIT_REACHED.format(name=call.name), "limit", use)
        key = _sha256(json.dumps([call.name, call.args], sort_keys=True))
        if key == use.last:
            return self._outcome(prompts.REPEATED, "repeat", spent)
        began = time.monotonic()
        deadline = min(self.limits.seconds, self.limits.path_seconds - use.seconds)
        message = await self._invoke(call, self._config(config, spent.calls), deadline + GRACE_S)
        duration = time.monotonic() - began
        spent = replace(spent, seconds=use.seconds + duration, last=key)
        if message is None:
            if duration < deadline:
                return self._outcome(prompts.GAVE_UP.format(name=call.name), "error", spent, duration)
            text = prompts.TIMED_OUT.format(name=call.name, seconds=deadline)
            return self._outcome(text, "timeout", spent, duration)
        status: Status = "error" if message.status == "error" else "ok"
        if status == "error" or unavailable(message.artifact):
            spent = replace(spent, last="")  # it may go well the next time: "try again in 30 s"
        chars = (((tool := self._node.tools_by_name.get(call.name)) and tool.metadata) or {}).get("max_chars")
        return self._outcome(_text(message), status, spent, duration, artifact=message.artifact, chars=chars)

    async def _invoke(self, call: ToolRequest, config: RunnableConfig, seconds: float) -> ToolMessage | None:
        request = {"name": call.name, "args": call.args, "id": call.id, "type": "tool_call"}
        task = asyncio.ensure_future(self._node.ainvoke([request], config))
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                task.cancel()
                # A tool that ignores its cancellation must not hold the path: it is left behind.
                await asyncio.wait({task}, timeout=GRACE_S)
                task.add_done_callback(_forget)
        if not task.done() or task.cancelled():
            return None
        return _message(task.result(), call)

    def _config(self, config: RunnableConfig | None, number: int) -> RunnableConfig:
        merged = merge_configs(ensure_config(config), {"metadata": {"leap_call": number}})
        if _RUNTIME not in merged.get("configurable", {}):
            # Outside a graph, in a script or a test, nobody has put one there.
            merged["configurable"] = {**merged.get("configurable", {}), _RUNTIME: Runtime()}
        return merged

    def _outcome(
        self,
        output: str,
        status: Status,
        use: ToolUse,
        duration_s: float = 0.0,
        *,
        artifact: Any = None,
        chars: int | None = None,
    ) -> ToolOutcome:
        most = self.limits.chars if chars is None else chars
        text = neutralise(shorten(output, max(_LONGEST, most)), self._markers, max_chars=most)
        # A tool that has cut its output itself says what the whole was.
        whole = artifact.get("sha256") if isinstance(artifact, dict) else None
        digest = whole if isinstance(whole, str) and _DIGEST.fullmatch(whole) else _sha256(output)
        return ToolOutcome(text or prompts.NO_OUTPUT, status, duration_s, artifact, digest, use)


def _any_context(tool: BaseTool) -> BaseTool:
    """`tool`, or a copy whose `ToolRuntime` argument is open to any context.

    Without type arguments it says that the context is `None`, and pydantic warns of each one that is not.
    """
    schema = tool.args_schema
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return tool
    fields = schema.model_fields.items()
    opened: dict[str, Any] = {
        name: (ToolRuntime[Any, Any], field) for name, field in fields if field.annotation is ToolRuntime
    }
    if not opened:
        return tool
    return tool.model_copy(update={"args_schema": create_model(schema.__name__, __base__=schema, **opened)})


def _off_loop(tool: BaseTool, threads: BoundedThreads) -> BaseTool:
    """`tool`, or a copy whose blocking `_run` goes to `threads` instead of the loop's few default ones."""
    kind = type(tool)
    from_function = isinstance(tool, StructuredTool | Tool) and tool.coroutine is None
    if not (kind._arun is BaseTool._arun or (from_function and kind._arun in (StructuredTool._arun, Tool._arun))):
        return tool

    @functools.wraps(kind._run)  # langchain-core injects by signature
    async def _arun(self: BaseTool, *args: Any, **kwargs: Any) -> Any:
        if manager := kwargs.get("run_manager"):
            kwargs["run_manager"] = manager.get_sync()
        return await threads.run(self._run, *args, **kwargs)

    methods: dict[str, Any] = {"_arun": _arun, "__module__": kind.__module__}
    if kind.ainvoke in (StructuredTool.ainvoke, Tool.ainvoke):
        methods["ainvoke"] = BaseTool.ainvoke  # theirs goes to the loop's threads before it comes to `_arun`
    twin = copy.copy(tool)
    object.__setattr__(twin, "__class__", type(kind.__name__, (kind,), methods))
    return twin


def _error_text(error: Exception) -> str:
    """What a model may know of an error: never a traceback of ours."""
    if isinstance(error, ToolInvocationError):
        found = error.filtered_errors if error.filtered_errors is not None else error.source.errors()
        wrong = "; ".join(f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" for one in found)
        return f"Wrong arguments for {error.tool_name!r}: {wrong}"[:600]
    return f"{type(error).__name__}: {error}"[:300]


def _message(result: Any, call: ToolRequest) -> ToolMessage:
    """The answer in what `ToolNode` returns, which is a dict of messages or a list of `Command`s."""
    parts = result if isinstance(result, list) else [result]
    for part in parts:
        update = getattr(part, "update", None) if not isinstance(part, dict) else part
        for message in (update or {}).get("messages", ()) if isinstance(update, dict) else ():
            if isinstance(message, ToolMessage):
                return message
    return ToolMessage(prompts.NO_ANSWER.format(name=call.name), tool_call_id=call.id, status="error")


def _text(message: ToolMessage) -> str:
    text = str(message.text)
    if text or not message.content:
        return text
    # An image spelled out as letters helps no model.
    kinds = [str(part.get("type")) if isinstance(part, dict) else "text" for part in message.content]
    return prompts.NO_TEXT.format(kinds=", ".join(kinds))


def _forget(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
