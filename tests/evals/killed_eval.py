"""An eval to be killed: `python killed_eval.py FILE REQUESTS TOKENS_PER_SECOND METHOD`; notes every request."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peerleap.engine import Completion, SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, Problem, Records
from peerleap.evals.methods import MethodConfig, method_options
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.runner import run_eval

SETTINGS = {"interval": 50, "cut": "exact", "rounds": 6, "max_tokens": 900, "answer_tokens": 30, "summary_tokens": 60,
            "top_k": 1}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {"leap": {}, "rsa": {"subset": 2}}


def script(text: str, params: SamplingParams) -> str:
    seed = params.seed or 0
    if "<summarize>" in text[-120:]:
        return f"I have {seed % 7}.</summarize>"
    if text.endswith("\\boxed{") or seed % 9 == 0:
        return f"so \\boxed{{{4 + seed % 2}}}."
    return "thinking " * 10


class Noting(ScriptedEngine):
    def __init__(self, notes: str, speed: float) -> None:
        super().__init__(script, tokens_per_second=speed or None)
        self.notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **kwargs: Any) -> Completion:
        done = await super().generate(token_ids, params, **kwargs)
        os.write(self.notes, f"{hash((tuple(token_ids), params.seed))}\n".encode())
        return done


async def main(file: str, notes: str, speed: float, method: str) -> None:
    problems = [Problem(id=f"q{n}", question=f"What is 2 + 2, {n}?", answer="4", kind="integer") for n in range(6)]
    config = MethodConfig(3, SETTINGS, method_options(method, OPTIONS[method]))
    plan = Plan("t", problems, method, config, runs=2, in_flight=3)
    engine = Noting(notes, speed)
    with Records.open(Path(file), Header(plan.record_config(model_config(engine)))) as records, Grader() as grader:
        await run_eval(plan, engine, records, grader)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]))
