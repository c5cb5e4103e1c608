"""Counts generated tokens while an eval's questions still run: a question may take hours."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from peerleap.engine import Completion, Engine, EngineWrapper, OnText, SamplingParams
from peerleap.evals.methods import Team
from peerleap.evals.plan import Plan

OnTokens = Callable[[int], None]
"""Receives the number of tokens of each finished request, on the eval's event loop."""


class CountedEngine(EngineWrapper):
    """An engine that reports the number of tokens of each request."""

    def __init__(self, engine: Engine, on_tokens: OnTokens) -> None:
        super().__init__(engine)
        self._on_tokens = on_tokens

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """As in `Engine`."""
        done = await self.engine.generate(token_ids, params, session=session, on_text=on_text)
        self._on_tokens(len(done.token_ids))
        return done


def counted(plan: Plan, engine: Engine, on_tokens: OnTokens) -> tuple[Plan, Engine]:
    """The plan and the engine with every request counted, including those of a team's other models."""
    team = plan.config.team
    if team is not None and team.engines:
        engines = {name: CountedEngine(other, on_tokens) for name, other in team.engines.items()}
        plan = replace(plan, config=replace(plan.config, team=Team(team.peers, engines)))
    return plan, CountedEngine(engine, on_tokens)
