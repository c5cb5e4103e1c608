"""LeaP as a method of an eval."""

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.paths import chains


async def leap(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """LeaP as `build_graph` runs it, with all its settings, and with a team where `config.team` is one."""
    async with chains(problem, engine, config, seed) as run:
        return await run.together("leap")
