"""The child process that compares answers with sympy: one JSON job per input line, one JSON verdict per output line.

Run as a script by `math_pool.py`; it imports nothing of ours, so a killed worker is replaced as fast as sympy is
imported. Covered: time (an alarm here, SIGKILL by the parent, a CPU limit if the parent is gone), memory, open files,
core dumps, writing files, stray prints, a parent that died (end of input). Not covered: network and reading files,
which math-verify's LaTeX parser cannot reach.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any

MEMORY_BYTES = 2 << 30
OPEN_FILES = 64


class Expired(BaseException):
    """Time is up; not an `Exception`, because sympy and math-verify swallow those and continue."""


def _expire(_signal: int, _frame: FrameType | None) -> None:
    raise Expired


_ALGEBRA = Path(__file__).with_name("algebra.py")


def _equal() -> Callable[[Any, Any], bool]:
    """`algebra.equal`, loaded by its path: the import path lacks this folder, whose modules could hide others."""
    spec = spec_from_file_location("peerleap_algebra", _ALGEBRA)
    assert spec is not None
    assert spec.loader is not None
    algebra = module_from_spec(spec)
    spec.loader.exec_module(algebra)
    equal: Callable[[Any, Any], bool] = algebra.equal
    return equal


equal = _equal()


def judge(gold: Any, answer: Any, seconds: float) -> dict[str, Any]:
    """Run one job under an alarm; returns `{"equal": bool, "problem": str | None}`."""
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    used = int(cpu.ru_utime + cpu.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + 3 * int(seconds + 1), hard))
    try:
        # The alarm repeats, for code that swallows the first one with a bare `except`.
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
        try:
            return {"equal": equal(gold, answer), "problem": None}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Expired:
        return {"equal": False, "problem": "timeout"}
    except Exception as error:  # noqa: BLE001 - an answer that raises is a wrong answer
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
    """Answer jobs until the input ends; the first output line says whether sympy is loaded."""
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
