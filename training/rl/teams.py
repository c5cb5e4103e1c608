"""One step's rollouts: every team of every question in one continuous batch, graded and made into rows."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from peerleap.engine import Completion, Engine, EngineError, SamplingParams, detect_thinking
from peerleap.evals import METHODS, Grader, PathResult, Problem
from peerleap.evals.stats import Graded, ballot, majority, shortest_majority
from peerleap.graph import derive_seed
from peerleap.graph.answers import own_runs
from peerleap.training.rl.plan import RlPlan
from peerleap.training.rl.probes import Prober
from peerleap.training.rl.rewards import Outcome, Read, reward
from peerleap.training.rl.rollouts import Rollout, Sampled, make_rollouts

OnTokens = Callable[[int], None]


class _Counted(Sampled):
    """Tells how many tokens each request has brought."""

    def __init__(self, engine: Engine, on_tokens: OnTokens | None) -> None:
        super().__init__(engine)
        self._on_tokens = on_tokens

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **more: Any) -> Completion:
        done = await super().generate(token_ids, params, **more)
        if self._on_tokens is not None:
            self._on_tokens(len(done.token_ids))
        return done


@dataclass(frozen=True, slots=True)
class Team:
    """How one team fared on one question."""

    problem: Problem
    paths: Sequence[PathResult]
    graded: Mapping[str, Graded]
    """By path; one that failed is missing."""
    vote: bool
    reads: Sequence[Read]


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
        self._plan, self._grader = plan, grader
        self._sampled = _Counted(engine, on_tokens)
        settings = plan.run_settings
        thinking = detect_thinking(engine.tokenizer, settings.thinking or "auto")
        self._prober = Prober(engine, grader, thinking.close if thinking.thinks else "")
        self._elect = shortest_majority if settings.vote == "shortest_majority" else majority

    async def roll(self, positions: Sequence[int]) -> Rolled:
        """The rows of the questions at these positions of the run.

        A path that failed is a row without a trained token. Its seeds follow from the run's and from its position, so
        that a step that is done again asks for the same.

        Raises:
            EngineError: the engine is broken, or every path of the step failed.
        """
        options, began = self._plan.options, time.monotonic()
        try:
            ran = await _together(self._run(position, team) for position in positions for team in range(options.teams))
            rolled = time.monotonic()
            if all(path.outcome == "failed" for _, paths in ran for path in paths):
                raise EngineError(f"every path of the step failed: {ran[0][1][0].error}")
            teams = await _together(self._judge(problem, paths) for problem, paths in ran)
            rows = [row for number, team in enumerate(teams) for row in self._rows(team, number % options.teams)]
        finally:
            self._sampled.forget()
        seconds = {"seconds_rollout": rolled - began, "seconds_grading": time.monotonic() - rolled}
        return Rolled(rows, {**self._measures(teams), **seconds})

    async def _run(self, position: int, team: int) -> tuple[Problem, list[PathResult]]:
        plan = self._plan
        problem = plan.problem(position)
        seed = derive_seed(plan.options.seed, "rl", position, team)
        return problem, await METHODS[plan.options.method](problem, self._sampled, plan.evals.config, seed)

    async def _judge(self, problem: Problem, paths: Sequence[PathResult]) -> Team:
        graded = {path.name: await self._grade(path, problem) for path in paths if path.outcome != "failed"}
        elected = self._elect(list(graded.values()))
        reads: list[Read] = []
        if self._plan.options.probes:
            reads = await self._prober.reads({path.name: path.history for path in paths}, problem)
        return Team(problem, paths, graded, elected is not None and elected.correct, reads)

    async def _grade(self, path: PathResult, problem: Problem) -> Graded:
        text = "\n\n".join(text for _, text in own_runs(path.history))
        verdict = await self._grader.acheck(text, problem.answer, problem.kind)
        return Graded(ballot(verdict, problem.kind), verdict.correct, path.tokens)

    def _rows(self, team: Team, number: int) -> list[Rollout]:
        correct = {path: graded.correct for path, graded in team.graded.items()}
        options = self._plan.options
        rewards = reward(options.rewards, Outcome(correct, team.vote, team.reads), probed=options.probes)
        histories = {path.name: path.history for path in team.paths}
        return make_rollouts(histories, rewards, self._sampled, team=f"{team.problem.id}/{number}")

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
            "failed": float(len(paths) - len(graded)),
        }
        if self._plan.options.probes:
            reads = [read for team in teams for read in team.reads]
            for name, before in (("put_right", False), ("misled", True)):
                could = [read.after != read.before for read in reads if read.before is before]
                if could:
                    found[name] = fmean(could)
        return found


async def _together(work: Any) -> list[Any]:
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
