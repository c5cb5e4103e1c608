"""Recursive self-aggregation (arXiv 2509.26626): a population that rewrites itself from random subsets of itself."""

import asyncio
from dataclasses import replace

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.aggregate import aggregate_question
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.paths import chains
from peerleap.graph import derive_random


async def rsa(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """`steps` steps of a population of N paths, each reading `subset` of the step before; the last population votes.

    The paper has N = 16, `subset` 4 and 10 steps.
    """
    steps, subset, shown = (config.options[name] for name in ("steps", "subset", "excerpt"))
    results: list[PathResult] = []
    async with chains(problem, engine, config, seed) as run:
        for step in range(1, steps + 1):
            questions: list[str | None] = []
            for member in range(config.paths):
                random = derive_random(seed, "rsa", step, member)
                read = random.sample(results[-config.paths :], subset) if results else []
                questions.append(aggregate_question(problem, engine, read, shown) if read else None)
            names = [f"step{step}_path{member}" for member in range(1, config.paths + 1)]
            texts = zip(names, questions, strict=True)
            wrote = await asyncio.gather(*(run.single(name, question) for name, question in texts))
            results += [replace(path, counted=step == steps, meta={"step": step}) for path in wrote]
    return results
