"""Independent paths whose votes weigh as much as the model was sure of them (DeepConf, arXiv 2508.15260)."""

from dataclasses import replace
from math import exp

from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods.base import MethodConfig, PathResult
from peerleap.evals.methods.independent import independent
from peerleap.graph.history.segments import OWN


async def deepconf(problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
    """Independent paths, each with `meta["confidence"]`: the geometric mean probability of its own tokens, 0 to 1.

    DeepConf takes the mean over the 20 likeliest tokens at each place; the engine seam gives the sampled one only.
    """
    scored = replace(config, settings={**config.settings, "logprobs": 0})
    paths = await independent(problem, engine, scored, seed)
    return [replace(path, meta={**path.meta, "confidence": confidence(path)}) for path in paths]


def confidence(path: PathResult) -> float:
    """Geometric mean probability of the path's own tokens; 0.0 where the engine gave none."""
    own = [segment for segment in path.history if segment["kind"] in OWN and "logprob" in segment]
    tokens = sum(len(segment["token_ids"]) for segment in own)
    return exp(min(0.0, sum(segment["logprob"] for segment in own) / tokens)) if tokens else 0.0
