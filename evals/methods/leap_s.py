"""LeaP-S (section 5.1.4 of the paper): groups of paths talk once, and one path of each group goes on."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.paths import chains


async def leap_s(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Run N groups of `peers` paths each; the first path of each group goes on after its one LeaP block, and votes.

    A voting path so costs `peers` times T tokens, and its rest. A path that ends before T has no block.
    """
    alone = replace(config, settings=one_block(config.settings))
    names = [f"group{number}" for number in range(1, config.paths + 1)]
    async with chains(problem, engine, alone, seed) as run:
        groups = await asyncio.gather(*(run.group(name, config.options["peers"]) for name in names))
    return [
        replace(path, name=f"{name}_{path.name}", meta={**path.meta, "group": name})
        for name, group in zip(names, groups, strict=True)
        for path in group
    ]


def one_block(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with exactly one LeaP block, after T tokens.

    Raises:
        ValueError: They ask for another number of blocks.
    """
    points = settings.get("communicate_at")
    if settings.get("rounds") not in {None, 1} or (points is not None and len(points) != 1):
        named = f"rounds={settings.get('rounds')}" if points is None else f"communicate_at={list(points)}"
        raise ValueError(f"{named}: leap_s has one LeaP block; give --interval alone")
    return dict(settings) if points is not None else {**settings, "rounds": 1}
