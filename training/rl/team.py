"""One team on one question: it runs, it is graded, and its paths become rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerleap.engine import Completion, Engine, EngineWrapper, SamplingParams, detect_thinking
from peerleap.evals import METHODS, Grader, MethodConfig, PathResult, Problem
from peerleap.evals.stats import Graded, ballot, majority, shortest_majority
from peerleap.graph import resolve_settings
from peerleap.graph.answers import own_runs
from peerleap.training.rl.options import RlOptions
from peerleap.training.rl.probes import Prober
from peerleap.training.rl.rewards import Outcome, Read, reward
from peerleap.training.rl.rollouts import Rollout, Sampled, make_rollouts
from peerleap.training.selection import block_fault

OnTokens = Callable[[int], None]


class _Counted(EngineWrapper):
    """Tells how many tokens each request has brought, a probe's included."""

    def __init__(self, engine: Engine, on_tokens: OnTokens | None) -> None:
        super().__init__(engine)
        self._on_tokens = on_tokens

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **more: Any) -> Completion:
        done = await self.engine.generate(token_ids, params, **more)
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


class Work:
    """What every team of a run works with.

    Args:
        engine: what the paths run on.
        grader: tells right from wrong.
        options: method, paths and rewards.
        settings: of the graph, sampling included.
        on_tokens: called after each request with the number of tokens that it brought.
    """

    def __init__(
        self,
        engine: Engine,
        grader: Grader,
        options: RlOptions,
        settings: Mapping[str, Any],
        on_tokens: OnTokens | None = None,
    ) -> None:
        self.options, self._grader = options, grader
        counted = _Counted(engine, on_tokens)
        self.sampled = Sampled(counted)
        self._config = MethodConfig(paths=options.paths, settings=settings)
        resolved = resolve_settings(settings, engine)
        thinking = detect_thinking(engine.tokenizer, resolved.thinking)
        self._prober = Prober(counted, grader, thinking.close if thinking.thinks else "")
        self._budget = resolved.max_tokens
        self._elect = shortest_majority if resolved.vote == "shortest_majority" else majority

    async def run(self, problem: Problem, seed: int) -> list[PathResult]:
        """The paths of one team."""
        return await METHODS[self.options.method](problem, self.sampled, self._config, seed)

    async def judge(self, problem: Problem, paths: Sequence[PathResult]) -> Team:
        """Grade them, elect, and probe where a reward needs it."""
        graded = {path.name: await self._grade(path, problem) for path in paths if path.outcome != "failed"}
        elected = self._elect(list(graded.values()))
        reads: list[Read] = []
        if self.options.probes:
            reads = await self._prober.reads({path.name: path.history for path in paths}, problem)
        return Team(problem, paths, graded, elected is not None and elected.correct, reads)

    def rows(self, team: Team, name: str) -> list[Rollout]:
        """The rows of a team, in the order of its paths."""
        correct = {path: graded.correct for path, graded in team.graded.items()}
        tokens = {path.name: path.tokens for path in team.paths}
        outcome = Outcome(
            correct,
            team.vote,
            team.reads,
            length={name: (used.own + used.summary) / self._budget for name, used in tokens.items()},
            well_formed={
                path.name: path.outcome == "finished" and block_fault(path.history) is None for path in team.paths
            },
        )
        rewards = reward(self.options.rewards, outcome, probed=self.options.probes)
        return make_rollouts({path.name: path.history for path in team.paths}, rewards, self.sampled, team=name)

    async def _grade(self, path: PathResult, problem: Problem) -> Graded:
        text = "\n\n".join(text for _, text in own_runs(path.history))
        verdict = await self._grader.acheck(text, problem.answer, problem.kind)
        return Graded(ballot(verdict, problem.kind), verdict.correct, path.tokens)
