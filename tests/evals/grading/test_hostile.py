import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from peerleap.evals import Grader, MissingExtra
from peerleap.evals.grading import math_pool
from peerleap.evals.grading.math_pool import MathPool, Worker
from peerleap.graph.answers import choice_letter, choices, last_box, parse_integer
from tests.imports import loaded

TOWER = r"\boxed{9^{9^{9}}}"
# C code that Python's alarm cannot interrupt: only killing the child ends it.
DEAF = r"\boxed{2^{2^{40}}}"


async def _ticks(stop: asyncio.Event) -> int:
    ticks = 0
    while not stop.is_set():
        await asyncio.sleep(0.01)
        ticks += 1
    return ticks


GOLD = r"\sin(2) + y"
"""A gold that no reading of numbers decides: the answers go to the processes."""


async def test_the_event_loop_keeps_ticking_beside_hostile_answers() -> None:
    pytest.importorskip("math_verify")
    answers = [TOWER, DEAF, "\\boxed{" + "(" * 500 + "1", "\\boxed{" + "(" * 500 + "}"]
    answers += ["\\boxed{" + "{" * 30_000, "x" * 60_000 + TOWER, "\\boxed{" + "x+" * 30_000 + "1}", "answer " * 9_000]
    with Grader(seconds=1.0, workers=2) as grader:
        grader.warm()
        stop = asyncio.Event()
        clock = asyncio.create_task(_ticks(stop))
        verdicts = await asyncio.gather(*(grader.acheck(text, GOLD, "math") for text in answers))
        right = await grader.acheck(r"\boxed{33+171}", "204", "math")
        stop.set()
        ticks = await clock
    assert not any(verdict.correct for verdict in verdicts)
    assert {"timeout", "math-verify"} & {verdict.how for verdict in verdicts}, "no answer has reached a process"
    assert right.correct, "a worker that was hung or killed must answer again"
    assert ticks, "the loop stood still while the processes worked"


async def test_a_cancelled_path_does_not_cancel_the_others_with_its_answer(grader: Grader) -> None:
    waiting = [asyncio.create_task(grader.acheck(r"\boxed{7\sqrt{8}}", r"14\sqrt2", "math")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert [verdict.correct for verdict in await asyncio.gather(*waiting[1:])] == [True, True]
    assert waiting[0].cancelled()


def test_a_dead_child_is_replaced_and_a_hung_one_killed() -> None:
    pytest.importorskip("math_verify")
    worker = Worker()
    try:
        worker.start()
        process = worker._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert worker.compare(r"\frac{1}{2}", "0.5", 20.0) == (True, None)
        replaced = worker._process
        assert replaced is not None
        os.kill(replaced.pid, signal.SIGSTOP)  # it can answer nothing, not even its own alarm
        assert worker.compare("1", "1", 0.2) == (False, "timeout")
        assert replaced.poll() is not None
    finally:
        worker.kill()


def test_close_ends_every_child_also_one_at_work() -> None:
    pytest.importorskip("math_verify")
    pool = MathPool(workers=1, seconds=30.0)
    pool.warm()
    process = pool._workers[0]._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    running, queued = pool.submit("1", "2"), pool.submit("204", "205")
    time.sleep(0.1)
    pool.close()
    assert process.poll() is not None
    assert running.result().problem == "closed"
    assert queued.cancelled() or not queued.result().equal


@pytest.mark.parametrize("closed_after", [0.0, 0.001, 0.01, 0.05])
async def test_those_who_use_a_grader_that_somebody_closes_are_answered_all_the_same(closed_after: float) -> None:
    pytest.importorskip("math_verify")
    with Grader(workers=1) as grader:
        grader.warm()
        answers = [(f"\\boxed{{x+{n}}}", f"{n}+x", "math") for n in range(6)]
        checks = [asyncio.create_task(grader.acheck(*answer)) for answer in answers]
        threads = [asyncio.create_task(asyncio.to_thread(grader.check, *answer)) for answer in answers]
        await asyncio.sleep(closed_after)
        await asyncio.to_thread(grader.close)
        assert [verdict.correct for verdict in await asyncio.gather(*checks, *threads)] == [True] * 12


def test_a_closed_pool_says_that_it_is_closed_whatever_state_the_comparison_was_in() -> None:
    pytest.importorskip("math_verify")
    pool = MathPool(workers=1)
    pool.warm()
    running, queued = pool.submit("x+1", "1+x"), pool.submit("x+2", "2+x")
    pool.close()
    for comparison in (running, queued, pool.submit("x+3", "3+x")):
        assert comparison.cancelled() or comparison.result() in {(True, None), (False, "closed")}
    # A child that the pool itself has killed did not crash on the answer.
    assert pool._workers[0].compare("x+1", "1+x", 1.0) == (False, "closed")


def test_a_child_cannot_write_files_or_take_all_memory() -> None:
    pytest.importorskip("math_verify")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import math_worker as w\n"
        "w._limit()\n"
        "from resource import RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, getrlimit\n"
        "for what, most in ((RLIMIT_AS, w.MEMORY_BYTES), (RLIMIT_FSIZE, 0), (RLIMIT_CORE, 0)):\n"
        "    assert 0 <= getrlimit(what)[0] <= most, what\n"
        "try:\n    bytearray(3 << 30)\nexcept MemoryError:\n    print('refused')\n"
    )
    folder = str(math_pool._SCRIPT.parent)
    done = subprocess.run([sys.executable, "-P", "-c", code, folder], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_without_math_verify_the_message_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math_pool, "installed", lambda module: module != "math_verify")
    with Grader() as grader:
        assert grader.check(r"\boxed{204}", "204", "integer").correct
        with pytest.raises(MissingExtra, match=r"pip install 'peerleap\[evals\]'"):
            grader.check(r"\boxed{\sqrt2}", r"\sqrt{8}", "math")


BACKSLASHES = "\\" * 90_000
NESTED = "\\boxed{" * 10_000 + "no letter" + "}" * 10_000


@pytest.mark.parametrize(
    "read",
    [
        lambda: last_box(BACKSLASHES),
        lambda: choice_letter(BACKSLASHES),
        lambda: parse_integer("1" + " " * 990 + "x!"),
        lambda: parse_integer("1" + "\t\n " * 330 + "x!"),
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(read: Callable[[], object]) -> None:
    start = time.process_time()
    assert read() is None
    # Some hundredths of a second; 1.4 to 67 s where a run is read again from each of its places.
    assert time.process_time() - start < 0.8


def test_boxes_in_each_other_are_read_from_the_last_one_back(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def in_box(content: str) -> str | None:
        read.append(content)
        return whole(content)

    whole = choices.letter_in_box
    monkeypatch.setattr(choices, "letter_in_box", in_box)
    assert choice_letter(NESTED.replace("no letter", "C")) == "C"
    assert len(read) == 1
    start = time.process_time()
    assert choice_letter(NESTED) is None
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("answer", ["2 0 4", "2  0  4", "2   0   4", "2 \n\n 0 4"])
def test_digits_with_spaces_between_them_are_no_number(answer: str) -> None:
    assert parse_integer(answer) is None
    with Grader() as grader:
        assert not grader.check(f"\\boxed{{{answer}}}", "204", "integer").correct


def test_grading_never_loads_sympy_into_this_process() -> None:
    pytest.importorskip("math_verify")
    assert not {"sympy", "math_verify", "datasets", "latex2sympy2_extended"} & loaded("Grader")
