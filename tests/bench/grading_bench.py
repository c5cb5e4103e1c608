"""How fast answers are graded once the child processes are warm; wall time, so say what else ran."""

import asyncio
import time
from typing import Any

from peerleap.evals import Grader

CHECKS = 400
GOAL_SECONDS = 5.0


def pairs() -> list[tuple[str, str]]:
    """400 answers that all need mathematics: half right in another form, half wrong, no two alike."""
    made: list[tuple[str, str]] = []
    for n in range(2, 2 + CHECKS // 4):
        sum_of_two = f"\\frac{{{n * n + 3 * n + 1}}}{{{(n + 1) * (n + 2)}}}"
        made += [
            (f"\\boxed{{{n}\\sqrt{{2}}}}", f"\\sqrt{{{2 * n * n}}}"),
            (f"\\boxed{{\\frac{{{n}}}{{{n + 1}}}+\\frac{{1}}{{{n + 2}}}}}", sum_of_two),
            (f"\\boxed{{(x+{n})^2}}", f"x^2+{2 * n}x+{n * n + 1}"),
            (f"\\boxed{{{n}\\sqrt{{3}}}}", f"\\sqrt{{{3 * n * n + 1}}}"),
        ]
    return made


def run() -> dict[str, dict[str, Any]]:
    """Measure the start, 400 checks that need mathematics, and one integer check."""
    with Grader() as grader:
        started = time.perf_counter()
        grader.warm()
        warm = time.perf_counter() - started
        started = time.perf_counter()
        right = asyncio.run(_right(grader))
        took = time.perf_counter() - started
        started = time.perf_counter()
        for n in range(1000):
            grader.check(f"so \\boxed{{\\text{{{n}}}}}", "204", "integer")
        integer = time.perf_counter() - started
    return {
        "grading_warm_s": {"value": round(warm, 2), "unit": "s", "goal": "<= 30", "ok": warm <= 30},
        "grading_400_s": {
            "value": round(took, 2),
            "unit": "s",
            "goal": f"<= {GOAL_SECONDS:g}",
            "ok": took <= GOAL_SECONDS and right == CHECKS // 2,
        },
        "grading_integer_ms": {"value": round(integer, 4), "unit": "ms", "goal": "<= 1", "ok": integer <= 1},
    }


async def _right(grader: Grader) -> int:
    verdicts = await asyncio.gather(*(grader.acheck(text, gold, "math") for text, gold in pairs()))
    return sum(verdict.correct for verdict in verdicts)
