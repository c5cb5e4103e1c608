"""The graphs that `langgraph dev` serves, and where it keeps their runs (langgraph.json).

Nothing here loads a model: an engine starts at its first request.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from peerleap.agents import load_team
from peerleap.engine import Engine
from peerleap.graph.build import build_graph
from peerleap.graph.checkpoints.base import Store, open_store
from peerleap.graph.compiled import CompiledLeapGraph

TEAM_VARIABLE = "PEERLEAP_TEAM"


def served_graphs(engine: Engine | None = None) -> tuple[CompiledLeapGraph, CompiledLeapGraph]:
    """The whole graph, and the one that gives its answer only; of the team in `PEERLEAP_TEAM`, else of four paths.

    Args:
        engine: an engine to use instead of one made for the peers' models, or for `PEERLEAP_MODEL`.

    Raises:
        TeamError: `PEERLEAP_TEAM` is neither a team file nor the name of a ready-made team.
    """
    source = os.environ.get(TEAM_VARIABLE)
    peers = load_team(source) if source else None
    whole = build_graph(peers=peers, engine=engine)
    answer = build_graph(peers=peers, engine=engine, answer_only=True)
    return whole.compile(name="leap"), answer.compile(name="leap_answer")


@asynccontextmanager
async def open_runs() -> AsyncIterator[Store]:
    """The store of kept runs (`PEERLEAP_RUNS`) as the server's checkpointer, so that a killed server loses nothing."""
    store = await asyncio.to_thread(open_store)
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)


leap, leap_answer = served_graphs()
