"""The child process in which a path's answer meets sympy: one JSON job a line in, one JSON verdict a line out.

Run as a script by `math_pool.py`; it imports nothing of ours, so a killed worker is back after one import of sympy.
Covered: time (an alarm here, SIGKILL by the parent, a CPU limit if the parent is gone), memory, open files, core dumps,
writing files, stray prints, a parent that died (end of input). Not covered: network and reading files, which
math-verify's LaTeX parser has no way to reach.
"""

import json
import os
import resource
import signal
import sys
from functools import lru_cache
from types import FrameType
from typing import Any

MEMORY_BYTES = 2 << 30
OPEN_FILES = 64


class Expired(BaseException):
    """Time is up; not an `Exception`, because sympy and math-verify swallow those and go on computing."""


def _expire(_signal: int, _frame: FrameType | None) -> None:
    raise Expired


@lru_cache(maxsize=512)
def _parsed_gold(gold: str) -> list[Any]:
    return _parsed(gold)


def _parsed(answer: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse  # type: ignore[import-untyped,unused-ignore]

    # Boxed only: the fallback would pick any number out of prose. Timeouts are this module's, hence None.
    config = LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)
    return list(parse(f"\\boxed{{{answer}}}", [config], parsing_timeout=None))


def equal(gold: str, answer: str) -> bool:
    """Whether two TeX answers are equal mathematically; `gold` may be a set where `answer` is an inequality."""
    from math_verify import verify

    golds, answers = _parsed_gold(gold), _parsed(answer)
    if golds and answers:
        answers[0] = _united(golds[0], answers[0])
    # math-verify takes 5 % for 5 as well as for 0.05, so percentages are left to it whole.
    if "%" not in gold + answer and golds and answers and _far_apart(golds[0], answers[0]):
        return False
    return bool(verify(golds, answers, allow_set_relation_comp=True, timeout_seconds=None))


def _united(gold: Any, answer: Any) -> Any:
    """`x<2, x>3` as the union that it means where the gold answer is one of intervals."""
    from sympy import FiniteSet, Interval, Union  # type: ignore[import-untyped,unused-ignore]

    if not (isinstance(gold, Union) and isinstance(answer, FiniteSet)):
        return answer
    parts = [part if isinstance(part, Interval) else part.as_set() for part in answer.args if not part.is_number]
    return Union(*parts) if len(parts) == len(answer.args) else answer


def _far_apart(gold: Any, answer: Any) -> bool:
    """Whether two expressions differ clearly at one point: simplifying their difference would say the same, slowly."""
    from sympy import Expr, Float  # type: ignore[import-untyped,unused-ignore]

    # Other letters may still be the same word, which math-verify compares as text: `Evelyn` is E v e l y n.
    if not (isinstance(gold, Expr) and isinstance(answer, Expr)) or gold.free_symbols != answer.free_symbols:
        return False
    symbols = sorted(gold.free_symbols, key=str)
    point = {symbol: Float(0.7391 + 0.1733 * index) for index, symbol in enumerate(symbols)}
    theirs, ours = gold.evalf(15, subs=point), answer.evalf(15, subs=point)
    if not (ours.is_Float and theirs.is_Float):
        return False
    return bool(abs(ours - theirs) > (abs(ours) + abs(theirs)) * 1e-5)


def judge(gold: str, answer: str, seconds: float) -> dict[str, Any]:
    """One job under an alarm: `{"equal": bool, "problem": str | None}`."""
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    used = int(cpu.ru_utime + cpu.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + 3 * int(seconds + 1), hard))
    try:
        # The second alarm is for code that swallowed the first with a bare `except`.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
        try:
            return {"equal": equal(gold, answer), "problem": None}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Expired:
        return {"equal": False, "problem": "timeout"}
    except Exception as error:  # noqa: BLE001 - whatever a hostile answer raises, it is a wrong answer
        return {"equal": False, "problem": type(error).__name__}


def _limit() -> None:
    for what, amount in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def main() -> None:
    """Answer jobs until the input ends; the first line out says that sympy is loaded, or why it is not."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGALRM, _expire)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    ready = judge("\\frac{1}{2}", "0.5", 60.0)
    _limit()
    print(json.dumps(ready), file=replies, flush=True)
    for line in sys.stdin.buffer:
        job = json.loads(line)
        print(json.dumps(judge(job["gold"], job["answer"], job["seconds"])), file=replies, flush=True)


if __name__ == "__main__":
    main()
