"""N paths that never hear of each other: the baseline of LeaP."""

import asyncio

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.budget import Meter
from peerleap.evals.methods.paths import Chains, chains

# A model that ends at once would otherwise get paths without end.
_MOST_TIMES_PATHS = 16


async def independent(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Independent paths, prompted and read as LeaP's are; with a budget, as many as it pays for.

    The prompt is that of a lone path: peers that never write are not promised. The last path may exceed the budget.
    """
    meter = Meter(config)
    async with chains(problem, engine, config, seed) as run:
        width = config.paths if config.team is None else config.team.width
        results, most = await _sample(run, 0, width), _MOST_TIMES_PATHS * width
        while meter.limited and len(results) < most and any(path.outcome != "failed" for path in results):
            wanted = meter.pays_for(results, results)
            if not wanted:
                break
            results += await _sample(run, len(results), min(len(results) + wanted, most))
        return results


async def _sample(run: Chains, start: int, end: int) -> list[PathResult]:
    return list(await asyncio.gather(*(run.member(index) for index in range(start, end))))
