"""The listening test: the same half-done paths go on in nine ways, which differ in what they read.

What a model makes of its peers' right and of their wrong answers says beforehand whether LeaP can help it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from peerleap.agents import prompts
from peerleap.engine import Engine
from peerleap.evals.data import Problem
from peerleap.evals.methods import MethodConfig, PathResult, Study, chains
from peerleap.evals.plan import Plan
from peerleap.evals.studies.arms import (
    ARMS,
    NO_BLOCK,
    PEERS,
    RIGHT,
    RIGHT_PEERS,
    WRONG,
    WRONG_PEERS,
    HalfDone,
    half_done,
    histories,
)
from peerleap.evals.studies.wrong_answers import wrong_answer
from peerleap.graph import Segment, derive_random
from peerleap.graph.history import OWN
from peerleap.graph.leap_block import Summary

NAME = "listening"
ENDED = "ended"
"""The arm of a path that has ended before its first LeaP block."""
_OTHER = "another question"
_TAGS = (prompts.SUMMARIZE, prompts.SUMMARIZE_END, prompts.COMMENT, prompts.COMMENT_END)
_ONE_BLOCK = {"rounds": 1, "budget_counts": "own"}


def listening_plan(
    task: str,
    problems: Sequence[Problem],
    *,
    paths: int = 4,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    in_flight: int | None = None,
    servers: int = 0,
) -> Plan:
    """The listening test of a model on some questions, as a plan that the runner of evals takes.

    Args:
        task: name of the data set, for the records.
        problems: the questions, at least two: one lends its summaries to the other.
        paths: of each question.
        settings: of the LeaP graph; there is one LeaP block, and only a path's own tokens count against its budget, so
            that no arm has less room to think in.
        seed: of the run.
        in_flight: most questions at once.
        servers: number of servers that run the model.

    Raises:
        ValueError: too few questions or paths, or a setting that the test decides itself.
    """
    own = dict(settings or {})
    for name in ("rounds", "communicate_at", "budget_counts", "human_peer"):
        if own.get(name):
            raise ValueError(f"{name}={own[name]!r}: the listening test has one LeaP block, after `interval` tokens")
    if len(problems) < 2:
        raise ValueError(f"{len(problems)} question: the listening test needs two at least, and 10 to say anything")
    if not isinstance(paths, int) or not 2 <= paths <= 64:
        raise ValueError(f"paths={paths!r}: give 2 to 64 paths of each question")
    config = MethodConfig(paths=paths, settings={**own, **_ONE_BLOCK}, options={"arms": list(ARMS)})
    study = Study(_Listening(problems).run, at_once=paths * len(ARMS))
    return Plan(
        task, problems, NAME, config, seed=seed, in_flight=in_flight, servers=servers, keep_ids=True, study=study
    )


class _Listening:
    def __init__(self, problems: Sequence[Problem]) -> None:
        self._problems = list(problems)
        self._after = {problem.id: other for problem, other in zip(problems, [*problems[1:], problems[0]], strict=True)}

    async def run(self, problem: Problem, engine: Engine, config: MethodConfig, seed: int) -> list[PathResult]:
        """All arms of one question's paths."""
        async with chains(problem, engine, config, seed) as run:
            other = self._after[problem.id]
            leap, _ = await asyncio.gather(run.together(PEERS), run.to_first_block(_OTHER, other.text))
            values, paths = await run.state(PEERS)
            found = half_done(values)
            if not found:
                return [_named(path, ENDED, counted=True) for path in leap]
            wrong = wrong_answer(problem, self._problems, derive_random(seed, "wrong answer"))
            right = problem.answer
            answers = {RIGHT: right, WRONG: wrong, RIGHT_PEERS: right, WRONG_PEERS: wrong}
            placebo = _worth_reading((await run.state(_OTHER))[0])
            arms: dict[str, dict[str, list[Segment]]] = {}
            for name, path in found.items():
                for arm, history in histories(name, path, paths, answers, placebo).items():
                    arms.setdefault(arm, {})[name] = history
            rest = await asyncio.gather(
                *(
                    run.begun(arm, begun, paths=config.paths, blocks=int(arm != NO_BLOCK), last=True)
                    for arm, begun in arms.items()
                )
            )
        results = [_named(path, PEERS if path.name in found else ENDED, found.get(path.name)) for path in leap]
        for arm, ended in zip(arms, rest, strict=True):
            heard = answers.get(arm)
            results += [_named(path, arm, found[path.name], heard=heard, counted=arm == NO_BLOCK) for path in ended]
        return results


def _worth_reading(values: Mapping[str, Any]) -> list[Summary]:
    """The summaries of a run's first LeaP block that a router would have chosen from."""
    blocks = values.get("rounds") or []
    found = blocks[0]["summaries"].values() if blocks else ()
    return [summary for summary in found if summary["text"] and not summary.get("no_claim")]


def _named(
    path: PathResult, arm: str, begun: HalfDone | None = None, *, heard: str | None = None, counted: bool = False
) -> PathResult:
    """A path with its arm, the answer that it was told, and whether it went on in the block's tags."""
    meta: dict[str, Any] = {"arm": arm, "member": path.name}
    if heard is not None:
        meta["heard"] = heard
    if begun is not None:
        # The prompt, what all arms share, and, where there was a block, the path's part in it and what it then read.
        shared = len(begun.before) + (0 if arm == NO_BLOCK else len(begun.wrote) + 1)
        own = "".join(segment["text"] for segment in path.history[shared:] if segment["kind"] in OWN)
        meta["imitates"] = any(tag in own for tag in _TAGS)
    return replace(path, name=f"{arm}: {path.name}", counted=counted, meta=meta)
