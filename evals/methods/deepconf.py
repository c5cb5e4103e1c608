"""DeepConf (arXiv 2508.15260): independent paths, of which the surer ones vote, with weights.

Offline, all paths run to their end. Online, a few paths show how sure the model is of this question; those that come
after them are ended as soon as they become less sure, and no more are sampled once the vote is clear.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.confidence import group_confidences, measures, threshold, token_confidences
from peerleap.evals.methods.independent import independent
from peerleap.evals.methods.online import WATCH, Watch, online_engine
from peerleap.evals.methods.paths import Chains, chains, task_of
from peerleap.graph.answers import canonical

TOP_LOGPROBS = 20


async def deepconf(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Run independent paths and measure each path's confidence.

    `meta` has the four measures (`confidences`), the one that weighs its vote (`confidence`), and the percentage of
    paths that vote by it (`keep`). Online, the paths below the limit have no vote, and `keep` is 100.
    """
    scored = replace(config, settings={**config.settings, "logprobs": TOP_LOGPROBS})
    window, measure = config.options["window"], config.options["confidence"]
    if config.options["online"]:
        paths, keep = await _online(problem, engine, scored, seed), 100
    else:
        paths, keep = await independent(problem, engine, scored, seed), config.options["keep"]
    measured = []
    for path in paths:
        found = {name: round(value, 4) for name, value in measures(token_confidences(path), window).items()}
        fields = {"confidences": found, "confidence": found[measure], "keep": keep}
        measured.append(replace(path, meta={**path.meta, **fields}))
    return measured


async def _online(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    warmup, window = config.options["warmup"], config.options["window"]
    async with chains(problem, online_engine(cast("Any", engine)), config, seed) as run:
        results = list(await asyncio.gather(*(run.member(index) for index in range(warmup))))
        limit = threshold([_lowest(path, window) for path in results], config.options["keep"])
        results = [_judged(path, limit, window) for path in results]
        while len(results) < config.paths and not _clear(results, problem, config):
            end = min(config.paths, len(results) + warmup)
            batch = (_watched(run, index, Watch(limit, window)) for index in range(len(results), end))
            results += [_judged(path, limit, window) for path in await asyncio.gather(*batch)]
    return results


async def _watched(run: Chains, index: int, watch: Watch) -> PathResult:
    WATCH.set(watch)  # in this path's task alone
    return await run.member(index)


def _lowest(path: PathResult, window: int) -> float:
    return min(group_confidences(token_confidences(path), window), default=0.0)


def _judged(path: PathResult, limit: float, window: int) -> PathResult:
    """The path without its vote, where its confidence fell below the limit: read off its tokens, also after a kill."""
    if path.outcome == "failed" or _lowest(path, window) >= limit:
        return path
    return replace(path, outcome="dropped", counted=False)


def _clear(paths: Sequence[PathResult], problem: Problem, config: MethodConfig) -> bool:
    """Whether one answer has the share of the votes' weight that makes more paths needless."""
    weights: dict[str, float] = {}
    for path in paths:
        if path.counted and path.answer is not None:
            found = measures(token_confidences(path), config.options["window"])[config.options["confidence"]]
            form = canonical(path.answer, task_of(problem))
            weights[form] = weights.get(form, 0.0) + found
    total = sum(weights.values())
    return total > 0 and max(weights.values()) >= config.options["consensus"] / 100 * total
