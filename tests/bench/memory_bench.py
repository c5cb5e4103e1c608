"""Whether an eval's memory stays flat: resident memory of its process over 1,000 questions on a scripted engine."""

import asyncio
import gc
import tempfile
from pathlib import Path
from typing import Any

from peerleap.engine import Completion, SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Header, Problem, Records
from peerleap.evals.methods import MethodConfig
from peerleap.evals.plan import Plan, model_config
from peerleap.evals.runner import Progress, run_eval

# malloc keeps an arena for each thread that opened a question's checkpoint file: with MALLOC_ARENA_MAX=1 it is 0.5 KiB.
QUESTIONS, SETTLED, GOAL_KB = 1000, 200, 16.0
_SETTINGS = {"interval": 60, "cut": "exact", "rounds": 1, "max_tokens": 400, "answer_tokens": 30, "summary_tokens": 60}


class _Forgetful(ScriptedEngine):
    """Keeps nothing of what it was asked."""

    async def generate(self, *args: Any, **kwargs: Any) -> Completion:
        self.requests.clear()
        self._cached.clear()
        return await super().generate(*args, **kwargs)


def _write(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return "I have 4.</summarize>"
    return "4}" if text.endswith("\\boxed{") else "thinking about it " * 6 + "\n\nso \\boxed{4}."


def resident_kb() -> int:
    """Resident memory of this process, KiB; memory that was freed and not given back counts too."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def grown(method: str, questions: int = QUESTIONS) -> float:
    """KiB a question between question `SETTLED` and the last one."""
    problems = [
        Problem(id=f"q{n}", question=f"What is 2 + 2, {n}?", answer="4", kind="integer") for n in range(questions)
    ]
    plan = Plan("bench", problems, method, MethodConfig(paths=2, settings=_SETTINGS), in_flight=4)
    marks: list[int] = []

    def mark(event: Progress) -> None:
        if event.done in {SETTLED, questions}:
            marks.append(resident_kb())

    engine = _Forgetful(_write)
    header = Header(plan.record_config(model_config(engine)))
    with (
        tempfile.TemporaryDirectory() as folder,
        Grader() as grader,
        Records.open(Path(folder) / "r.jsonl", header) as records,
    ):
        assert not await run_eval(plan, engine, records, grader, on_progress=mark)
    return (marks[1] - marks[0]) / (questions - SETTLED)


def run() -> dict[str, dict[str, Any]]:
    figures = {}
    for method in ("leap", "independent"):
        kb = asyncio.run(grown(method))
        figures[f"eval_memory_{method}_kb"] = {
            "value": round(kb, 2), "unit": "KiB a question", "goal": f"<= {GOAL_KB:g}", "ok": kb <= GOAL_KB,
        }  # fmt: skip
    return figures
