"""What the nodes of a graph do, sync and async."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.config import get_config
from langgraph.func import task
from langgraph.runtime import get_runtime

from peerleap.agents import Peer
from peerleap.engine import Engine, detect_thinking
from peerleap.graph.budget import round_target
from peerleap.graph.checkpoints import close_journals
from peerleap.graph.errors import SettingsError
from peerleap.graph.events import VERSION, Writer, aemitting, emitting
from peerleap.graph.inputs import NOT_STORED, as_messages, read_conversation
from peerleap.graph.langgraph_keys import CHECKPOINTER, NAMESPACE, SEPARATOR
from peerleap.graph.leap_block import Summarized, active_paths, ask_person, close_block, no_peer_left, summarize
from peerleap.graph.path import Path, Toolbox, Turn, think
from peerleap.graph.prepare import PREPARED, Prepared, prepare
from peerleap.graph.settings import RunSettings, Settings, as_run_settings, as_settings
from peerleap.graph.state import history_key
from peerleap.graph.vote import answer_message, release, short_votes, tally

State = dict[str, Any]
T = TypeVar("T")

# A round takes two supersteps and the vote one: with fewer left, paths run to their end instead of to the next block.
_STEPS_FOR_ANOTHER_ROUND = 6


def _run_to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own; on another thread where this one has a loop that runs, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()


class Node(Runnable[State, Any]):
    """A node, or a choice of nodes, for `invoke` and `ainvoke` alike.

    Unlike a `RunnableLambda`, it is no run of its own in a trace: LangGraph makes one for the node, and another one
    would hold the whole state again.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[State, RunnableConfig], Any],
        arun: Callable[[State, RunnableConfig], Awaitable[Any]],
    ) -> None:
        self.name, self._run, self._arun = name, run, arun

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """The node's update of the state, or the names of the nodes."""
        return self._run(input, config or ensure_config())

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """As `invoke`."""
        return await self._arun(input, config or ensure_config())


class Nodes:
    """The nodes of one graph: a team, its engines, and what they share between runs."""

    def __init__(self, team: dict[str, Peer], engines: dict[str, Engine], *, answer_only: bool) -> None:
        self.team, self.engines, self.answer_only = team, engines, answer_only
        self._toolboxes: dict[str, Toolbox] = {}
        self._lock = threading.Lock()
        self._loaded: set[str] = set()
        self._loading = threading.Lock()
        self._settings: tuple[Any, RunSettings | None] = (None, None)

    @property
    def uses_tools(self) -> bool:
        """Whether a run holds things open, such as sandboxes, that have to be closed when it ends."""
        return any(peer.tools for peer in self.team.values())

    def check(self, values: Mapping[str, Any], context: Settings | None) -> Prepared:
        """What the node `prepare` will do with an input; refuses what it would refuse, without a trace."""
        return prepare({**values, "messages": as_messages(values)}, context, self.team, self.engines, self._toolbox)

    def prepare(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """First node: check the question, open every path's history."""
        with emitting(config) as write:
            return self._prepare(state, config, write)

    async def aprepare(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `prepare`."""
        async with aemitting(config) as write:
            return await asyncio.to_thread(self._prepare, state, config, write)

    def _prepare(self, state: dict[str, Any], config: RunnableConfig, write: Writer) -> dict[str, Any]:
        configurable = config["configurable"]
        context = as_settings(get_runtime(Settings).context, nested=SEPARATOR in configurable[NAMESPACE])
        if context.human_peer and configurable.get(CHECKPOINTER) is None:
            raise SettingsError(NOT_STORED)
        prepared: Prepared | None = configurable.get(PREPARED)
        if prepared is None or (prepared.conversation, prepared.requested) != (read_conversation(state), context):
            prepared = prepare(state, context, self.team, self.engines, self._toolbox)
        for box in {id(box): box for name in self.team if (box := self._toolbox(name))}.values():
            box.open_run(config)
        update = dict(prepared.update)
        update["last_round"] = no_peer_left(update["status"].value, self.settings(update))
        write({"v": VERSION, "type": "run", "paths": list(self.team), "settings": update["params"],
               "thinking": prepared.thinking, "dropped_turns": prepared.dropped_turns})  # fmt: skip
        return update

    def think(self, name: str, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """A path's node: reason until the next LeaP block, or to the end."""
        return _run_to_end(self.athink(name, state, config))

    async def athink(self, name: str, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `think`."""
        path, history = await self._ready(name, state), state[history_key(name)]
        last = state.get("last_round") or state["remaining_steps"] < _STEPS_FOR_ANOTHER_ROUND
        target = None if last else round_target(path.settings, state["round"], history, len(self.team))
        async with aemitting(config) as write:
            segments, status = await think(path, history, target, Turn(state["round"], write, config))
        return {history_key(name): segments, "status": {name: {"state": status}}}

    def leap_block(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """The barrier: every unfinished path sums up, and reads what its router picks."""
        close_journals(config)
        futures = {name: _SUMMARIZE(name, lambda: (self, state)) for name in self._summarizing(state)}
        results = {name: future.result() for name, future in futures.items()}
        with emitting(config) as write:
            return self._close(state, results, write)

    async def aleap_block(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `leap_block`."""
        await asyncio.to_thread(close_journals, config)
        names = self._summarizing(state)
        results = await asyncio.gather(*(_ASUMMARIZE(name, lambda: (self, state)) for name in names))
        summarized = dict(zip(names, results, strict=True))
        async with aemitting(config) as write:
            # On a thread: to compare many summaries takes seconds, and `_close` may be the first to look at a path.
            return await asyncio.to_thread(self._close, state, summarized, write)

    def _summarizing(self, state: dict[str, Any]) -> list[str]:
        alone = no_peer_left(state["status"], self.settings(state))
        return [] if alone else active_paths(state["status"])

    async def summarize(self, path: str, state: dict[str, Any]) -> Summarized:
        """A path's part in a LeaP block; runs inside a task."""
        config = get_config()
        async with aemitting(config) as write:
            ready = await self._ready(path, state)
            return await summarize(ready, state[history_key(path)], Turn(state["round"], write, config))

    def _close(self, state: dict[str, Any], summarized: dict[str, Summarized], write: Writer) -> dict[str, Any]:
        if not summarized:
            return {"round": state["round"] + 1, "last_round": True}
        paths, histories = self._all(state)
        person = ask_person(paths, summarized, state["round"])
        return close_block(paths, histories, state["status"], summarized, state["round"], write, person=person)

    def vote(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """Last node: outcomes, votes, token counts."""
        with emitting(config) as write:
            return self._vote(state, write)

    async def avote(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `vote`."""
        async with aemitting(config) as write:
            return await asyncio.to_thread(self._vote, state, write)

    def _vote(self, state: dict[str, Any], write: Writer) -> dict[str, Any]:
        paths, histories = self._all(state)
        update = tally(paths, histories, state["status"], write)
        _run_to_end(release(paths, histories))
        message = answer_message(update, next(iter(paths.values())).engine.model, reasoning=not self.answer_only)
        if self.answer_only:
            update = {**update, "votes": short_votes(update["votes"])}
        return {**update, "messages": [message]}

    def next_nodes(self, state: dict[str, Any], _: RunnableConfig) -> list[str]:
        """The paths that still think; when none does, the vote."""
        return active_paths(state["status"]) or ["vote"]

    async def anext_nodes(self, state: dict[str, Any], config: RunnableConfig) -> list[str]:
        """As `next_nodes`."""
        return self.next_nodes(state, config)

    def _all(self, state: dict[str, Any]) -> tuple[dict[str, Path], dict[str, Any]]:
        names = list(state["status"])
        return {n: self.path(n, state) for n in names}, {n: state[history_key(n)] for n in names}

    def path(self, name: str, state: Mapping[str, Any]) -> Path:
        """The reasoning chain of a name, given the state of a run."""
        number = list(self.team).index(name) + 1
        tools = self._toolbox(name)
        return Path(name, number, self.team[name], self.engines[name], self.settings(state), state["task"], tools)

    def settings(self, state: Mapping[str, Any]) -> RunSettings:
        """The settings of a run; every path needs them in every round, so the last ones are cached."""
        params, settings = self._settings
        if settings is None or params is not state["params"]:
            settings = as_run_settings(state["params"])
            self._settings = (state["params"], settings)
        return settings

    async def _ready(self, name: str, state: Mapping[str, Any]) -> Path:
        """The path with its tokenizer: a resumed run has not been through `prepare` in this process."""
        if name not in self._loaded:
            await asyncio.to_thread(self._load, name)
        return self.path(name, state)

    def _load(self, name: str) -> None:
        with self._loading:
            detect_thinking(self.engines[name].tokenizer)
            self._toolbox(name)
            self._loaded.add(name)

    def _toolbox(self, name: str) -> Toolbox | None:
        """The tools of a path; made at their first use, since they need the model's tokenizer."""
        peer, engine = self.team[name], self.engines[name]
        if not peer.tools or not peer.limits.calls:
            return None
        with self._lock:
            if (box := self._toolboxes.get(peer.name)) is None:
                box = self._toolboxes[peer.name] = Toolbox(peer, engine)
            return box


async def _summarize_path(path: str, read: Callable[[], tuple[Nodes, dict[str, Any]]]) -> Summarized:
    # A function of the state, not the state: tracers record what a task is called with.
    run, state = read()
    return await run.summarize(path, state)


def _summarize_path_sync(path: str, read: Callable[[], tuple[Nodes, dict[str, Any]]]) -> Summarized:
    return _run_to_end(_summarize_path(path, read))


# Each summary is a task, so that its result is kept although the block is interrupted later. LangGraph inspects the
# function of a task once if it finds it in its module by name, else at every call.
_SUMMARIZE: Any = task(name="summarize")(_summarize_path_sync)  # type: ignore[arg-type]
_ASUMMARIZE: Any = task(name="summarize")(_summarize_path)  # type: ignore[arg-type]
