"""N paths that never hear of each other: what LeaP has to beat."""

import asyncio
from collections.abc import Sequence
from math import ceil

from peerleap.engine import Engine
from peerleap.evals.methods.chains import Chains, chains
from peerleap.evals.methods.result import MethodConfig, PathResult
from peerleap.evals.problems import Problem

# A model that ends at once would otherwise be given paths without end.
_MOST_TIMES_PATHS = 16


async def independent(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Independent paths, asked and read as LeaP's are; with a budget, as many as it pays for (the last may exceed it).

    The prompt is that of a lone path: peers that never write are not promised.
    """
    async with chains(problem, engine, config, seed) as run:
        width = config.paths if config.team is None else config.team.width
        results = await _sample(run, 0, width)
        while config.budget is not None:
            spent, most = _generated(results), _MOST_TIMES_PATHS * width
            if spent >= config.budget or len(results) >= most or all(path.outcome == "failed" for path in results):
                break
            wanted = ceil((config.budget - spent) * len(results) / max(spent, 1))
            results += await _sample(run, len(results), min(len(results) + wanted, most))
        return results


async def _sample(run: Chains, start: int, end: int) -> list[PathResult]:
    return list(await asyncio.gather(*(run.member(index) for index in range(start, end))))


def _generated(results: Sequence[PathResult]) -> int:
    return sum(path.tokens.generated for path in results)
