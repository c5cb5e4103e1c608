"""Paths that begin as another path did, badly or well: how far does a beginning carry, and do peers mend it?

The Prefix Dominance Trap, good beginnings and error tolerance (sections 2.1, 2.3, 5.2.1 and appendix B of the paper),
with two controls that it does not have: a fresh sample of paths without a beginning, not the one that chose the
questions, and beginnings that are drawn at random.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from peerleap.engine import Engine, decode
from peerleap.evals.data import Problem
from peerleap.evals.methods import MethodConfig, PathResult, Study, chains
from peerleap.evals.plan import Plan
from peerleap.evals.studies.samples import Sample, Samples
from peerleap.graph import Segment, derive_random

NAME = "beginnings"
NONE, BAD, GOOD, RANDOM = "none", "bad", "good", "random"
KINDS = {"trap": 0.15, "tolerance": 0.30}
"""The kinds of study, with the share of an average response that the paper's beginnings have."""
SHARES = (0, 25, 50, 75, 100)
"""Percent of good beginnings in the study of error tolerance."""
METHODS = ("independent", "leap")
"""What continues the beginnings."""
LEAST_QUESTIONS = 2
Beginnings = Mapping[str, Sequence[Sequence[int]]]
"""For each arm, the token ids that each path begins with."""


def beginnings_plan(
    samples: Samples,
    problems: Sequence[Problem],
    *,
    kind: str = "trap",
    fraction: float | None = None,
    questions: int = 10,
    continuations: int = 16,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    in_flight: int | None = None,
    servers: int = 0,
) -> Plan:
    """A study of beginnings as a plan that the runner of evals takes.

    Args:
        samples: independent paths of the problems.
        problems: those that the samples answer.
        kind: `trap` for bad, good and random beginnings; `tolerance` for shares of good ones among bad ones.
        fraction: length of a beginning, as a share of the average response.
        questions: how many, drawn among those with right and wrong paths.
        continuations: paths of each arm.
        settings: of the continuations.
        seed: of the draws and the run.
        in_flight: most questions at once.
        servers: number of servers that run the model.

    Raises:
        ValueError: a number out of range, or too few questions with right and wrong paths.
    """
    share = check_kind(kind, fraction, questions=questions, continuations=continuations)
    tokens = samples.beginning(share)
    chosen = _chosen(samples, problems, tokens, questions, seed)
    draw = _trap if kind == "trap" else _tolerance
    arms = {
        problem.id: draw(samples, problem.id, tokens, continuations, derive_random(seed, "beginnings", problem.id))
        for problem in chosen
    }
    options = {"kind": kind, "fraction": share, "tokens": tokens, "samples": samples.header.config_hash}
    config = MethodConfig(paths=continuations, settings=dict(settings or {}), options=options)
    width = continuations * len(METHODS) * len(next(iter(arms.values())))
    study = Study(_Beginnings(arms).run, at_once=width)
    task = str(samples.header.config["task"])
    return Plan(task, chosen, NAME, config, seed=seed, in_flight=in_flight, servers=servers, study=study)


def check_kind(kind: str, fraction: float | None, *, questions: int, continuations: int) -> float:
    """The length of a beginning, as a share of the average response; arguments as for `beginnings_plan`.

    Raises:
        ValueError: no such kind, or a number out of range.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    share = KINDS[kind] if fraction is None else fraction
    if not 0 < share < 1:
        raise ValueError(f"fraction={share!r}: give a share of the average response between 0 and 1, such as 0.15")
    for name, value in (("questions", questions), ("continuations", continuations)):
        if not LEAST_QUESTIONS <= value <= 1024:
            raise ValueError(f"{name}={value!r}: give {LEAST_QUESTIONS} to 1024")
    return share


def _chosen(samples: Samples, problems: Sequence[Problem], tokens: int, count: int, seed: int) -> list[Problem]:
    mixed = [problem for problem in problems if all(samples.usable(problem.id, tokens))]
    if len(mixed) < LEAST_QUESTIONS:
        paths = len(next(iter(samples.questions.values())))
        raise ValueError(
            f"{samples.file}: {len(mixed)} of {len(problems)} questions have right and wrong paths of more than "
            f"{tokens} tokens, of {paths} each, and {LEAST_QUESTIONS} are needed: sample harder (or easier) questions, "
            "more of them (--limit), more paths (--sample-paths), or at a higher --sample-temperature, into another "
            "--samples"
        )
    if len(mixed) <= count:
        return mixed
    drawn = set(derive_random(seed, "questions").sample(range(len(mixed)), count))
    return [problem for number, problem in enumerate(mixed) if number in drawn]


def _trap(samples: Samples, question: str, tokens: int, paths: int, random: Random) -> Beginnings:
    right, wrong = samples.usable(question, tokens)
    drawn = {BAD: random.choice(wrong), GOOD: random.choice(right), RANDOM: random.choice([*right, *wrong])}
    return {NONE: [()] * paths, **{arm: [sample.thought[:tokens]] * paths for arm, sample in drawn.items()}}


def _tolerance(samples: Samples, question: str, tokens: int, paths: int, random: Random) -> Beginnings:
    right, wrong = samples.usable(question, tokens)

    def some(of: Sequence[Sample], count: int) -> list[Sequence[int]]:
        drawn = random.sample(of, count) if count <= len(of) else random.choices(of, k=count)
        return [sample.thought[:tokens] for sample in drawn]

    counts = {good_share(share): round(share * paths / 100) for share in SHARES}
    return {NONE: [()] * paths, **{arm: some(right, n) + some(wrong, paths - n) for arm, n in counts.items()}}


def good_share(percent: int) -> str:
    """Name of the arm in which so many percent of the paths begin well."""
    return f"{percent} % good"


class _Beginnings:
    def __init__(self, arms: Mapping[str, Beginnings]) -> None:
        self._arms = arms

    async def run(self, problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
        """All arms of one question, each by independent paths and by LeaP."""
        arms: list[tuple[str, str]] = []
        jobs: list[Any] = []
        async with chains(problem, engine, config, seed) as run:
            for arm, beginnings in self._arms[problem.id].items():
                begun = {f"solver_{n}": _segments(engine, ids) for n, ids in enumerate(beginnings, start=1)}
                for name, segments in begun.items():
                    lone = {"solver_1": segments}
                    jobs.append(run.begun(f"independent, {arm}: {name}", lone, paths=1, last=True))
                jobs.append(run.begun(f"leap, {arm}", begun, paths=len(begun), last=False))
                arms += [*(("independent", arm) for _ in begun), ("leap", arm)]
            ended = await asyncio.gather(*jobs)
        results: list[PathResult] = []
        numbers = Counter[tuple[str, str]]()
        for key, paths in zip(arms, ended, strict=True):
            for path in paths:
                numbers[key] += 1
                method, arm = key
                name, counted = f"{method}, {arm}: solver_{numbers[key]}", key == ("independent", NONE)
                results.append(replace(path, name=name, meta={"by": method, "arm": arm}, counted=counted))
        return results


def _segments(engine: Engine, ids: Sequence[int]) -> list[Segment]:
    if not ids:
        return []
    text = decode(engine.tokenizer, list(ids))
    return [Segment(kind="thought", round=0, token_ids=list(ids), text=text, copied=True)]
