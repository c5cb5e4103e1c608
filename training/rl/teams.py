"""One step's rollouts: every team of every question in one continuous batch, graded and made into rows."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from peerleap.engine import Engine, EngineError
from peerleap.evals import Grader, PathResult, Problem
from peerleap.graph import derive_seed
from peerleap.training.rl.plan import RlPlan
from peerleap.training.rl.rollouts import Rollout
from peerleap.training.rl.team import OnTokens, Team, Work


@dataclass(frozen=True, slots=True)
class Rolled:
    """One step's rollouts."""

    rows: list[Rollout]
    """By question, then team, then path."""
    measures: dict[str, float]
    """What the table and the picture show; `seconds_...` is where the time went."""


class Teams:
    """Rolls out the questions of a step with the weights that the engine has."""

    def __init__(self, plan: RlPlan, engine: Engine, grader: Grader, on_tokens: OnTokens | None = None) -> None:
        self._plan, self._generated = plan, 0

        def count(tokens: int) -> None:
            self._generated += tokens
            if on_tokens is not None:
                on_tokens(tokens)

        self._work = Work(engine, grader, plan.options, plan.settings, count)

    async def roll(self, positions: Sequence[int]) -> Rolled:
        """The rows of the questions at these positions of the run.

        A path that failed is a row without a trained token. Its seeds follow from the run's and from its position, so
        that a step that is done again asks for the same.

        Raises:
            EngineError: the engine is broken, or every path of the step failed.
        """
        options, began = self._plan.options, time.monotonic()
        self._generated = 0
        try:
            ran = await together(self._run(position, team) for position in positions for team in range(options.teams))
            rolled = time.monotonic()
            if all(path.outcome == "failed" for _, paths in ran for path in paths):
                raise EngineError(f"every path of the step failed: {ran[0][1][0].error}")
            teams = await together(self._work.judge(problem, paths) for problem, paths in ran)
            rows = [
                row
                for number, team in enumerate(teams)
                for row in self._work.rows(team, f"{team.problem.id}/{number % options.teams}")
            ]
        finally:
            self._work.sampled.forget()
        seconds = {"seconds_rollout": rolled - began, "seconds_grading": time.monotonic() - rolled}
        return Rolled(rows, {**self._measures(teams), **seconds})

    async def _run(self, position: int, team: int) -> tuple[Problem, list[PathResult]]:
        problem = self._plan.problem(position)
        return problem, await self._work.run(problem, derive_seed(self._plan.options.seed, "rl", position, team))

    def _measures(self, teams: Sequence[Team]) -> dict[str, float]:
        graded = [path for team in teams for path in team.graded.values()]
        paths = [path for team in teams for path in team.paths]
        width = self._plan.options.teams
        questions = [teams[start : start + width] for start in range(0, len(teams), width)]
        found = {
            "right": fmean(path.correct for path in graded),
            "team_right": fmean(team.vote for team in teams),
            "answer_entropy": fmean(_answer_entropy(question) for question in questions),
            "own_tokens": fmean(path.tokens.own for path in graded),
            "summary_tokens": fmean(path.tokens.summary for path in graded),
            "comments": fmean(sum(segment["kind"] == "comment" for segment in path.history) for path in paths),
            "generated": float(self._generated),
            "failed": float(len(paths) - len(graded)),
        }
        if self._plan.options.probes:
            reads = [read for team in teams for read in team.reads]
            for name, before in (("put_right", False), ("misled", True)):
                could = [read.after != read.before for read in reads if read.before is before]
                if could:
                    found[name] = fmean(could)
        return found


async def together(work: Any) -> list[Any]:
    """All of it at once; the first error ends the rest."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _answer_entropy(teams: Sequence[Team]) -> float:
    """Of the answers that the paths of a question gave, in nats: 0 where all agree; no answer is one, too."""
    votes = Counter(path.vote for team in teams for path in team.graded.values())
    total = votes.total()
    return -sum(count / total * math.log(count / total) for count in votes.values()) if total else 0.0
