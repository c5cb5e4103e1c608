"""The barrier's node: probes, where the setting `talk` wants them, summaries, and the end of the block."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.func import task

from peerleap.graph.checkpoints import close_journals
from peerleap.graph.events import Writer, aemitting, emitting
from peerleap.graph.history import Segment
from peerleap.graph.leap_block.block import close_block, no_peer_left
from peerleap.graph.leap_block.person import ask_person
from peerleap.graph.leap_block.probe import Probed, probe
from peerleap.graph.leap_block.summary import Summarized, summarize
from peerleap.graph.leap_block.talk import Plan, active_paths, plan_block, probes_first
from peerleap.graph.path import Path, Turn
from peerleap.graph.settings import RunSettings
from peerleap.graph.state import history_key

T = TypeVar("T")


def run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own; on another thread where this one has a loop that runs, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()


class BlockPaths(Protocol):
    """The paths of a graph, for the state of a run."""

    async def ready(self, name: str, state: Mapping[str, Any]) -> Path:
        """The path of a name, with its tokenizer."""
        ...

    def every(self, state: Mapping[str, Any]) -> tuple[dict[str, Path], dict[str, Sequence[Segment]]]:
        """All paths, and their histories."""
        ...

    def settings(self, state: Mapping[str, Any]) -> RunSettings:
        """The settings of the run."""
        ...


class BlockNode:
    """What the node `leap_block` does."""

    def __init__(self, paths: BlockPaths) -> None:
        self._paths = paths

    def invoke(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """The barrier: the paths that it interrupts sum up, and read what their router picks."""
        close_journals(config)
        names = self._taking_part(state)
        probes = [(name, _PROBE(name, lambda: (self, state))) for name in self._to_probe(names, state)]
        plan = self._plan(state, names, {name: future.result() for name, future in probes})
        futures = {name: _SUMMARIZE(name, lambda: (self, state)) for name in _writing(plan)}
        results = {name: future.result() for name, future in futures.items()}
        with emitting(config) as write:
            return self._close(state, plan, results, write)

    async def ainvoke(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `invoke`."""
        await asyncio.to_thread(close_journals, config)
        names = self._taking_part(state)
        probing = self._to_probe(names, state)
        probed = await asyncio.gather(*(_APROBE(name, lambda: (self, state)) for name in probing))
        plan = await asyncio.to_thread(self._plan, state, names, dict(zip(probing, probed, strict=True)))
        writing = _writing(plan)
        results = await asyncio.gather(*(_ASUMMARIZE(name, lambda: (self, state)) for name in writing))
        summarized = dict(zip(writing, results, strict=True))
        async with aemitting(config) as write:
            # On a thread: to compare many summaries takes seconds, and `_close` may be the first to look at a path.
            return await asyncio.to_thread(self._close, state, plan, summarized, write)

    def _taking_part(self, state: dict[str, Any]) -> list[str]:
        alone = no_peer_left(state["status"], self._paths.settings(state))
        return [] if alone else active_paths(state["status"])

    def _to_probe(self, names: list[str], state: dict[str, Any]) -> list[str]:
        return names if probes_first(self._paths.settings(state)) else []

    def _plan(self, state: dict[str, Any], names: list[str], probed: dict[str, Probed]) -> Plan | None:
        """Whom the block interrupts; `None` where there is none."""
        if not names:
            return None
        if not probed:
            return Plan(tuple(names))
        paths, histories = self._paths.every(state)
        return plan_block(paths, histories, state["status"], probed, state["rounds"], state["round"])

    async def probe(self, path: str, state: dict[str, Any]) -> Probed:
        """A path's answer so far; runs inside a task."""
        config = get_config()
        async with aemitting(config) as write:
            ready = await self._paths.ready(path, state)
            return await probe(ready, state[history_key(path)], Turn(state["round"], write, config))

    async def summarize(self, path: str, state: dict[str, Any]) -> Summarized:
        """A path's part in a LeaP block; runs inside a task."""
        config = get_config()
        async with aemitting(config) as write:
            ready = await self._paths.ready(path, state)
            return await summarize(ready, state[history_key(path)], Turn(state["round"], write, config))

    def _close(
        self, state: dict[str, Any], plan: Plan | None, summarized: dict[str, Summarized], write: Writer
    ) -> dict[str, Any]:
        if plan is None:
            return {"round": state["round"] + 1, "last_round": True}
        paths, histories = self._paths.every(state)
        person = ask_person(paths, summarized, state["round"]) if summarized else None
        return close_block(
            paths, histories, state["status"], summarized, state["round"], write,
            plan=plan, records=state["rounds"], person=person,
        )  # fmt: skip


def _writing(plan: Plan | None) -> list[str]:
    return [] if plan is None else [*plan.writers, *plan.aside]


Read = Callable[[], tuple["BlockNode", dict[str, Any]]]
"""A function of the state, not the state: tracers record what a task is called with."""


async def _summarize_path(path: str, read: Read) -> Summarized:
    run, state = read()
    return await run.summarize(path, state)


def _summarize_path_sync(path: str, read: Read) -> Summarized:
    return run_to_end(_summarize_path(path, read))


async def _probe_path(path: str, read: Read) -> Probed:
    run, state = read()
    return await run.probe(path, state)


def _probe_path_sync(path: str, read: Read) -> Probed:
    return run_to_end(_probe_path(path, read))


# Each is a task, so that its result is kept although the block is interrupted later. LangGraph inspects the function
# of a task once if it finds it in its module by name, else at every call.
_SUMMARIZE: Any = task(name="summarize")(_summarize_path_sync)  # type: ignore[arg-type]
_ASUMMARIZE: Any = task(name="summarize")(_summarize_path)  # type: ignore[arg-type]
_PROBE: Any = task(name="probe")(_probe_path_sync)  # type: ignore[arg-type]
_APROBE: Any = task(name="probe")(_probe_path)  # type: ignore[arg-type]
