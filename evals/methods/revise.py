"""N paths that think longer: each reads its own solution again, checks it and writes a better one."""

import asyncio
from dataclasses import replace

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.aggregate import revise_question
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.budget import Meter
from peerleap.evals.methods.paths import chains

# A model that ends at once would otherwise revise without end.
_MOST_STEPS = 32


async def revise(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """`steps` solutions of each path, one after the other, or as many as a budget pays for; the last of each votes.

    Sequential revisions (arXiv 2408.03314): where independent sampling spends a budget on more paths, this spends it on
    longer ones. A budget that does not pay for a whole step revises the first paths only; the last may exceed it.
    """
    shown, steps = config.options["excerpt"], config.options["steps"]
    meter, last, results = Meter(config), list[PathResult](), list[PathResult]()
    async with chains(problem, engine, config, seed) as run:
        for step in range(1, _MOST_STEPS + 1):
            count = config.paths
            if step > 1 and meter.limited:
                count = min(count, meter.pays_for(results, last))
            elif step > steps:
                break
            if not count or (last and all(path.outcome == "failed" for path in last)):
                break
            questions: list[str | None] = [revise_question(problem, engine, path, shown) for path in last[:count]]
            # The first step is that of `independent`, path for path.
            name = "solver_{}" if step == 1 else f"solver_{{}}_step{step}"
            texts = enumerate(questions or [None] * count, start=1)
            wrote = await asyncio.gather(*(run.single(name.format(path), text) for path, text in texts))
            wrote = [replace(path, meta={"step": step}) for path in wrote]
            last = [*wrote, *last[count:]]
            results += wrote
    voting = {path.name for path in last}
    return [replace(path, counted=path.name in voting) for path in results]
