"""The LeaP graph as every method uses it: chains that share one question's checkpoint file."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Overwrite

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.extras import need
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.team import member_graph, team_graph
from peerleap.graph import (
    AllPathsFailed,
    LeapGraph,
    Segment,
    TaskName,
    as_settings,
    build_graph,
    derive_seed,
    history_key,
)
from peerleap.graph.answers import extract_answer
from peerleap.graph.path import Path


def task_of(problem: Problem) -> TaskName:
    """How the graph asks for the answer: a letter for choices, else a box, since the graders read boxes."""
    return "choice" if problem.kind == "choice" else "math"


class Chains:
    """Runs graphs of one question; a graph that an earlier process has finished or begun is taken up from there."""

    def __init__(self, problem: Problem, engine: Engine, config: MethodConfig, seed: int, saver: Any) -> None:
        self._problem, self._config, self._seed, self._saver = problem, config, seed, saver
        self._engine: Any = engine
        self._compiled: dict[str, Any] = {}

    async def single(self, name: str, question: str | None = None, peer: str | None = None) -> PathResult:
        """One chain that reads no peers, on the problem or on `question`; its seed follows from its name.

        `peer` is the member of the team whose tools and instructions it has.
        """
        # One graph for all: the prompt of a lone path does not speak of peers.
        graph = self._compiled.get(peer or "")
        if graph is None:
            team = self._config.team
            of = _graph(self._engine, 1) if peer is None or team is None else member_graph(team, peer, self._engine)
            graph = self._compiled[peer or ""] = of.compile(checkpointer=self._saver)
        seed = derive_seed(self._seed, "chain", name)
        (result,) = await self._run(graph, name, question or self._problem.text, seed)
        return PathResult(name, result.outcome, result.history, result.answer)

    async def member(self, index: int) -> PathResult:
        """The path `index`, from 0, as a chain that reads no peers."""
        team = self._config.team
        if team is None:
            return await self.single(f"solver_{index + 1}")
        name, peer = team.member(index)
        return await self.single(name, peer=peer.name)

    async def together(self, name: str) -> list[PathResult]:
        """All paths of one LeaP graph."""
        team = self._config.team
        graph = _graph(self._engine, self._config.paths) if team is None else team_graph(team, self._engine)
        return await self._run(graph.compile(checkpointer=self._saver), name, self._problem.text, self._seed)

    async def group(self, name: str, peers: int) -> list[PathResult]:
        """One LeaP graph of `peers` paths, of which only the first goes on after the first LeaP block.

        The others end there with the outcome `dropped`: what they wrote is their cost, and they have no answer.
        """
        graph = _graph(self._engine, peers).compile(checkpointer=self._saver)
        together = _graph(self._engine, peers).compile(checkpointer=self._saver, interrupt_after=["leap_block"])
        config, seed = _thread(name), derive_seed(self._seed, "group", name)
        if not await self._keep_first(graph, config):
            await self._run(together, name, self._problem.text, seed)
            await self._keep_first(graph, config)
        results = await self._run(graph, name, self._problem.text, seed)
        values = (await graph.aget_state(config)).values
        for member in (f"solver_{number}" for number in range(2, peers + 1)):
            if member not in values["status"]:
                history = tuple(values[history_key(member)])
                outcome = "failed" if history[-1]["kind"] == "error" else "dropped"
                results.append(PathResult(member, outcome, history, None, counted=False))
        return [replace(path, counted=path.name == "solver_1") for path in results]

    async def to_first_block(self, name: str, question: str) -> None:
        """All paths of one LeaP graph on `question`, up to what they read in the first LeaP block."""
        graph = _graph(self._engine, self._config.paths)
        state = await graph.compile(checkpointer=self._saver).aget_state(_thread(name))
        if not state.values.get("round"):
            paused = graph.compile(checkpointer=self._saver, interrupt_after=["leap_block"])
            await self._run(paused, name, question, derive_seed(self._seed, "block", name))

    async def state(self, name: str) -> tuple[Mapping[str, Any], dict[str, Path]]:
        """The state of the LeaP graph that was run under a name, and its reasoning chains."""
        graph = _graph(self._engine, self._config.paths)
        values = (await graph.compile(checkpointer=self._saver).aget_state(_thread(name))).values
        return values, {path: graph.run.path(path, values) for path in values["status"]}

    async def begun(
        self, name: str, histories: Mapping[str, Sequence[Segment]], *, paths: int, blocks: int = 0, last: bool
    ) -> list[PathResult]:
        """Paths that do not begin with their prompt alone.

        Args:
            name: of the run; its seed follows from it.
            histories: by path, the segments behind its prompt; the graph's other paths do not run.
            paths: of the graph.
            blocks: how many LeaP blocks the histories have behind them.
            last: whether there is no further one.
        """
        leap, key = _graph(self._engine, paths), history_key
        graph, seed = leap.compile(checkpointer=self._saver), derive_seed(self._seed, "begun", name)
        if (await graph.aget_state(_thread(name))).created_at is None:
            context = as_settings({**self._config.settings, "seed": seed, "task": task_of(self._problem)})
            prepared = await asyncio.to_thread(leap.run.check, {"question": self._problem.text}, context)
            update = {**prepared.update, "round": blocks, "last_round": last}
            update["status"] = Overwrite({path: {"state": "active"} for path in histories})
            update |= {
                key(path): Overwrite([*update[key(path)].value, *segments]) for path, segments in histories.items()
            }
            await graph.aupdate_state(_thread(name), update, as_node="leap_block" if blocks else "prepare")
        return await self._run(graph, name, self._problem.text, seed)

    async def _keep_first(self, graph: Any, config: Any) -> bool:
        """Drop all but the first path from a run that stands behind its LeaP block; whether it does."""
        state = await graph.aget_state(config)
        status = state.values.get("status") or {}
        if not state.next or not state.values.get("round") or state.values.get("paths"):
            return False
        first = next(iter(status))
        if len(status) > 1:
            await graph.aupdate_state(config, {"status": Overwrite({first: status[first]})}, as_node="leap_block")
        return True

    async def _run(self, graph: Any, thread: str, question: str, seed: int) -> list[PathResult]:
        task = task_of(self._problem)
        context = {**self._config.settings, "seed": seed, "task": task}
        config = _thread(thread)
        begun = await graph.aget_state(config)
        # The vote writes `paths`. (`next` is empty also where all paths of a round were done when the process died.)
        if not begun.values.get("paths"):
            start = {"question": question} if begun.created_at is None else None
            # The histories say why all paths failed; "sync": a round is on the disk before the next one begins.
            with suppress(AllPathsFailed):
                await graph.ainvoke(start, config, context=context, durability="sync")
        values = (await graph.aget_state(config)).values
        records, results = values["rounds"], []
        stopped = {"stopped": records[-1]["stop"]} if records and "stop" in records[-1] else {}
        for name, status in values["status"].items():
            history = tuple(values[history_key(name)])
            failed = status["state"] == "failed"
            answer = None if failed else extract_answer(history, task)
            probes = {one["round"]: one["probes"][name] for one in records if name in one.get("probes", {})}
            results.append(PathResult(name, status["state"], history, answer, meta=stopped, probes=probes))
        return results


def _thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


@lru_cache(maxsize=4)
def _graph(engine: Any, paths: int) -> LeapGraph:
    # Made once: the schema types of a graph stay in LangGraph's caches for good.
    return build_graph(paths=paths, engine=engine)


@asynccontextmanager
async def chains(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> AsyncIterator[Chains]:
    """The chains of one question, on its checkpoint file where it has one.

    Raises:
        MissingExtra: the package that keeps checkpoints is not installed.
    """
    if config.checkpoint is None:
        yield Chains(problem, engine, config, seed, InMemorySaver())
        return
    sqlite = need("langgraph.checkpoint.sqlite.aio", "langgraph-checkpoint-sqlite")
    config.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    saver = sqlite.AsyncSqliteSaver(await sqlite.aiosqlite.connect(config.checkpoint))
    try:
        yield Chains(problem, engine, config, seed, saver)
    finally:
        # Whoever cancels twice does not wait for it, but it happens.
        await asyncio.shield(_close(saver))


async def _close(saver: Any) -> None:
    """Close the file so that the next run can write into it at once.

    The saver's writes may be cancelled between statement and commit. A connection that is closed then keeps its
    transaction, and so the file's lock, for as long as anything refers to the statement.
    """
    try:
        async with saver.lock:
            await saver.conn.rollback()
    finally:
        await saver.conn.close()
