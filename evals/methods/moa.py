"""Mixture of agents (arXiv 2406.04692): layers of agents, each reading all answers of the layer before."""

import asyncio
from dataclasses import replace

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.aggregate import aggregate_question
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.paths import chains


async def moa(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """`layers` layers of `agents` agents (4 x 3 in the LeaP paper); the last one has a single aggregator.

    An agent reads the whole answers of the layer before, and the last `excerpt` tokens of a thought without an answer.
    """
    layers, agents, shown = (config.options[name] for name in ("layers", "agents", "excerpt"))
    results: list[PathResult] = []
    async with chains(problem, engine, config, seed) as run:
        for layer in range(1, layers + 1):
            question = aggregate_question(problem, engine, results[-agents:], shown) if results else None
            count = 1 if layer == layers else agents
            names = [f"layer{layer}_agent{agent}" for agent in range(1, count + 1)]
            wrote = await asyncio.gather(*(run.single(name, question) for name in names))
            results += [replace(path, counted=layer == layers, meta={"layer": layer}) for path in wrote]
    return results
