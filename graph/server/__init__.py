"""The graphs that `langgraph dev` serves, and where it stores their runs (langgraph.json).

Nothing here loads a model: an engine starts at its first request.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from peerleap.agents import load_team
from peerleap.engine import Engine
from peerleap.graph.build import build_graph
from peerleap.graph.checkpoints import Checkpointer, open_checkpointer
from peerleap.graph.compiled import CompiledLeapGraph

TEAM_VARIABLE = "PEERLEAP_TEAM"


def served_graphs(engine: Engine | None = None) -> tuple[CompiledLeapGraph, CompiledLeapGraph]:
    """The graphs of the team in `PEERLEAP_TEAM`, of four paths by default.

    Args:
        engine: an engine to use instead of one made for the peers' models, or for `PEERLEAP_MODEL`.

    Returns:
        The graph with the whole output, and the one that returns its answer only.

    Raises:
        TeamError: `PEERLEAP_TEAM` is neither a team file nor the name of a ready-made team.
    """
    source = os.environ.get(TEAM_VARIABLE)
    peers = load_team(source) if source else None
    whole = build_graph(peers=peers, engine=engine)
    answer = build_graph(peers=peers, engine=engine, answer_only=True)
    return whole.compile(name="leap"), answer.compile(name="leap_answer")


@asynccontextmanager
async def open_runs() -> AsyncIterator[Checkpointer]:
    """The stored runs (`PEERLEAP_RUNS`) as the server's checkpointer, so that a killed server loses nothing.

    Yields:
        The checkpointer, closed when the server ends.
    """
    checkpointer = await asyncio.to_thread(open_checkpointer)
    try:
        yield checkpointer
    finally:
        await asyncio.to_thread(checkpointer.close)


leap, leap_answer = served_graphs()
