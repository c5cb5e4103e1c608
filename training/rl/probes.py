"""What a path would have answered just before and just after it read its peers: the evidence of who taught whom."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peerleap.agents import prompts
from peerleap.engine import Engine, SamplingParams, encode
from peerleap.evals import Grader, Problem
from peerleap.evals.methods import task_of
from peerleap.graph.history import history_ids
from peerleap.training.rl.rewards import Read

_MOST_TOKENS = 48
"""Of an answer: a box."""


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks for answers at places in a history, greedily; nothing of it gets into the path."""

    engine: Engine
    grader: Grader
    close: str = ""
    """What ends the model's thought."""

    async def reads(self, histories: Mapping[str, Sequence[Mapping[str, Any]]], problem: Problem) -> list[Read]:
        """Every time that a path of a team has read others.

        Args:
            histories: segments by path, as a graph returns them.
            problem: what they work on.

        Returns:
            One for each comment, in the order of paths and blocks. Before it stands the path's own summary, so that
            the two probes differ by the comment alone.
        """
        found = [
            self._read(path, history, place, problem)
            for path, history in histories.items()
            if not any(segment["kind"] == "error" for segment in history)
            for place, segment in enumerate(history)
            if segment["kind"] == "comment" and segment.get("sources")
        ]
        return list(await asyncio.gather(*found))

    async def _read(self, path: str, history: Sequence[Any], place: int, problem: Problem) -> Read:
        before, after = await asyncio.gather(
            self._right(history_ids(history[:place]), problem), self._right(history_ids(history[: place + 1]), problem)
        )
        return Read(path, tuple(history[place]["sources"]), before, after)

    async def _right(self, ids: list[int], problem: Problem) -> bool:
        tokenizer, opening = self.engine.tokenizer, prompts.ANSWERS[task_of(problem)]
        params = SamplingParams(max_tokens=_MOST_TOKENS, temperature=0.0, top_p=1.0, stop=("\n",))
        done = await self.engine.generate(
            [*ids, *encode(tokenizer, prompts.OUT_OF_BUDGET + self.close + opening)], params
        )
        verdict = await self.grader.acheck(opening + done.text, problem.answer, problem.kind)
        return verdict.correct
