"""Scripted models that make something of what they hear, each in its way."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, Plan, Problem, Records, run_eval
from peerleap.evals.plan import model_config

SAID = re.compile(r"My answer is (\d+)")

Listener = Callable[..., ScriptedEngine]
RunStudy = Callable[[Plan, ScriptedEngine], Coroutine[Any, Any, Path]]


@pytest.fixture(scope="session")
def listener() -> Listener:
    """A model that comes to `own` by itself, or to `shaken` behind a comment, whatever that says.

    `believes` says, by answer and seed, whether it takes over a peer's answer. With `many`, it takes over what at least
    so many peers name. Without `claims`, no summary says anything.
    """
    return _listener


def _listener(
    believes: Callable[[str, int], bool],
    *,
    own: str = "5",
    shaken: str | None = None,
    imitates: bool = False,
    many: int = 1,
    claims: bool = True,
) -> ScriptedEngine:
    def script(text: str, params: SamplingParams) -> str:
        if "<summarize>" in text[-120:]:
            if not claims:
                return " Nothing yet.</summarize>"
            return f" I have {(params.seed or 0) % 7} at time {text.partition('time ')[2][:1]}.</summarize>"
        if text.endswith("\\boxed{"):
            return f"{own}}}"
        heard = SAID.findall(text.rpartition("<comment>")[2]) if "</comment>\n\n" in text else []
        alone = shaken if shaken and "</comment>\n\n" in text else own
        answer = heard[-1] if len(heard) >= many and believes(heard[-1], params.seed or 0) else alone
        again = "<summarize> once more </summarize>" if imitates and "</summarize>\n\n" in text else ""
        return f"{again}thinking 12 about it, thinking 12 about it, thinking 12 about it, so \\boxed{{{answer}}}."

    return ScriptedEngine(script)


@pytest.fixture(scope="session")
def sums() -> Callable[[int], list[Problem]]:
    """So many questions, all with the answer 4."""
    return lambda count: [
        Problem(id=f"q{n}", question=f"What is 2 + 2, time {n}?", answer="4", kind="integer") for n in range(count)
    ]


@pytest.fixture
def run_study(tmp_path: Path) -> RunStudy:
    """Run a study into a file of its own; the file."""

    async def run(plan: Plan, engine: ScriptedEngine) -> Path:
        file = tmp_path / f"{plan.method}.jsonl"
        with Records.open(file, Header(plan.record_config(model_config(engine)))) as records, Grader() as grader:
            assert await run_eval(plan, engine, records, grader) == 0
        return file

    return run
