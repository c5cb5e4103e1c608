"""Independent paths that end as soon as their vote is clear: Parallel-Probe (arXiv 2602.03845), without its pruning."""

from dataclasses import replace

from peerleap.agents import MOST
from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.paths import chains

EVERY = 500
"""Tokens between two probes, as in its released code."""


async def probe(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Ask all paths for their answer every T tokens; end them when the most frequent one is the same `stable` times.

    No path hears of another, or that it was asked. What is generated for the answers counts as the paths' tokens, which
    the authors' own numbers leave out. Their rule that ends paths which differ from the majority is not followed.
    """
    spaced = any(config.settings.get(name) is not None for name in ("interval", "communicate_at"))
    # A model's own number of blocks is one of interruptions; here there are none.
    every = {} if config.settings.get("communicate_at") is not None else {"rounds": MOST}
    settings = {**({} if spaced else {"interval": EVERY}), **every, **config.settings}
    own = {"talk": "probe", "stable": config.options["stable"]}
    async with chains(problem, engine, replace(config, settings={**settings, **own}), seed) as run:
        return await run.together("probe")
