"""What the nodes of a graph do, sync and async."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import get_runtime

from peerleap.agents import Peer
from peerleap.engine import Engine, detect_thinking, each_once
from peerleap.graph.budget import round_target
from peerleap.graph.errors import SettingsError
from peerleap.graph.events import VERSION, Writer, aemitting, discard, emitting
from peerleap.graph.inputs import NOT_STORED, read_conversation
from peerleap.graph.langgraph_keys import CHECKPOINTER, NAMESPACE, SEPARATOR
from peerleap.graph.leap_block import BlockNode, active_paths, no_peer_left, run_to_end
from peerleap.graph.path import Path, Toolbox, Turn, json_answer, think, try_schema
from peerleap.graph.prepare import PREPARED, Prepared, prepare
from peerleap.graph.settings import RunSettings, Settings, as_run_settings, as_settings
from peerleap.graph.state import Conversation, history_key
from peerleap.graph.vote import add_json, announce, answer_message, elected_path, release, short_votes, tally

State = dict[str, Any]
T = TypeVar("T")

# A round takes two supersteps and the vote one: with fewer left, paths run to their end instead of to the next block.
_STEPS_FOR_ANOTHER_ROUND = 6
# How many JSON schemas are remembered that the engines take.
_SCHEMAS = 64


class Nodes:
    """The nodes of one graph: a team, its engines, and what they share between runs."""

    def __init__(self, team: dict[str, Peer], engines: dict[str, Engine], *, answer_only: bool) -> None:
        self.team, self.engines, self.answer_only = team, engines, answer_only
        self._toolboxes: dict[str, Toolbox] = {}
        self._lock = threading.Lock()
        self._loaded: set[str] = set()
        self._loading = threading.Lock()
        self._settings: tuple[Any, RunSettings | None] = (None, None)
        self._schemas: dict[str, None] = {}
        self.block = BlockNode(self)
        """The barrier."""

    @property
    def uses_tools(self) -> bool:
        """Whether a run holds things open, such as sandboxes, that have to be closed when it ends."""
        return any(peer.tools for peer in self.team.values())

    def check(self, values: Mapping[str, Any], context: Settings | None) -> Prepared:
        """What the node `prepare` will do with an input; refuses what it would refuse, without a trace."""
        return self._checked(read_conversation(values), context)

    def _checked(self, conversation: Conversation, context: Settings | None) -> Prepared:
        prepared = prepare(conversation, context, self.team, self.engines, self._toolbox)
        schema = prepared.requested.json_schema
        if schema is not None and schema not in self._schemas:
            for engine in each_once(self.engines.values()):
                run_to_end(try_schema(engine, schema))
            with self._lock:
                self._schemas[schema] = None
                if len(self._schemas) > _SCHEMAS:
                    del self._schemas[next(iter(self._schemas))]
        return prepared

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
        nested = SEPARATOR in configurable[NAMESPACE]
        context = as_settings(get_runtime(Settings).context, nested=nested)
        if context.human_peer and configurable.get(CHECKPOINTER) is None:
            raise SettingsError(NOT_STORED)
        prepared: Prepared | None = configurable.get(PREPARED)
        conversation = read_conversation(state, handed_over=nested)
        if prepared is None or (prepared.conversation, prepared.requested) != (conversation, context):
            prepared = self._checked(conversation, context)
        for box in {id(box): box for name in self.team if (box := self._toolbox(name))}.values():
            box.open_run(config)
        update = dict(prepared.update)
        update["last_round"] = no_peer_left(update["status"].value, self.settings(update))
        write({"v": VERSION, "type": "run", "paths": list(self.team), "settings": update["params"],
               "thinking": prepared.thinking, "sampling": prepared.sampling,
               "dropped_turns": prepared.dropped_turns})  # fmt: skip
        return update

    def think(self, name: str, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """A path's node: reason until the next LeaP block, or to the end."""
        return run_to_end(self.athink(name, state, config))

    async def athink(self, name: str, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `think`."""
        path, history = await self.ready(name, state), state[history_key(name)]
        last = state.get("last_round") or state["remaining_steps"] < _STEPS_FOR_ANOTHER_ROUND
        target = None if last else round_target(path.settings, state["round"], history, len(self.team))
        async with aemitting(config) as write:
            segments, status = await think(path, history, target, Turn(state["round"], write, config))
        return {history_key(name): segments, "status": {name: {"state": status}}}

    def vote(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """Last node: outcomes, votes, token counts, the answer as JSON where it is wanted."""
        return run_to_end(self.avote(state, config))

    async def avote(self, state: dict[str, Any], config: RunnableConfig) -> dict[str, Any]:
        """As `vote`."""
        async with aemitting(config) as write:
            paths, histories = await asyncio.to_thread(self.every, state)
            update = await asyncio.to_thread(tally, paths, histories, state["status"], state["rounds"])
            schema, name, written = self.settings(state).json_schema, elected_path(update), None
            if schema is not None and name is not None:
                path = await self.ready(name, state)
                written = await json_answer(path, histories[name], schema, Turn(state["round"], discard, config))
                update = add_json(update, path, histories[name], state["rounds"], written)
            announce(update, write)
            await release(paths, histories)
            model = await asyncio.to_thread(lambda: next(iter(paths.values())).engine.model)  # it may look for it
        message = answer_message(
            update, model, reasoning=not self.answer_only, as_json=schema is not None, written=written
        )
        if self.answer_only:
            update = {**update, "votes": short_votes(update["votes"])}
        return {**update, "messages": [message]}

    def next_nodes(self, state: dict[str, Any], _: RunnableConfig) -> list[str]:
        """The paths that still think; when none does, the vote."""
        return active_paths(state["status"]) or ["vote"]

    async def anext_nodes(self, state: dict[str, Any], config: RunnableConfig) -> list[str]:
        """As `next_nodes`."""
        return self.next_nodes(state, config)

    def every(self, state: Mapping[str, Any]) -> tuple[dict[str, Path], dict[str, Any]]:
        """All paths, and their histories."""
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

    async def ready(self, name: str, state: Mapping[str, Any]) -> Path:
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
