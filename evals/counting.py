"""How many tokens an eval has written while its questions still run: a question may take hours."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from peerleap.engine import Completion, Engine, OnText, SamplingParams, finish_sessions
from peerleap.evals.methods import Team
from peerleap.evals.plan import Plan

OnTokens = Callable[[int], None]
"""Receives the number of tokens of each request that has ended, on the eval's event loop."""


class CountedEngine:
    """An engine that passes everything on to another one, and tells how much each request wrote."""

    def __init__(self, engine: Engine, on_tokens: OnTokens) -> None:
        self._engine, self._on_tokens = engine, on_tokens

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._engine.model

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self._engine.tokenizer

    @property
    def context_length(self) -> int:
        """Most tokens of prompt and generated text together."""
        return self._engine.context_length

    def check(self) -> None:
        """As the other engine's."""
        self._engine.check()

    async def start(self) -> None:
        """As the other engine's."""
        await self._engine.start()

    async def finish_sessions(self, sessions: Sequence[str]) -> None:
        """As the other engine's."""
        await finish_sessions(self._engine, sessions)

    async def generate(
        self,
        token_ids: Sequence[int],
        params: SamplingParams,
        *,
        session: str | None = None,
        on_text: OnText | None = None,
    ) -> Completion:
        """As the other engine's."""
        done = await self._engine.generate(token_ids, params, session=session, on_text=on_text)
        self._on_tokens(len(done.token_ids))
        return done


def counted(plan: Plan, engine: Engine, on_tokens: OnTokens) -> tuple[Plan, Engine]:
    """The plan and the engine with every request counted, those of a team's other models too."""
    team = plan.config.team
    if team is not None and team.engines:
        engines = {name: CountedEngine(other, on_tokens) for name, other in team.engines.items()}
        plan = replace(plan, config=replace(plan.config, team=Team(team.peers, engines)))
    return plan, CountedEngine(engine, on_tokens)
