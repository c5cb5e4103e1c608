"""A pool of killable child processes that compare two answers with math-verify.

math-verify implements timeouts with SIGALRM, which works in the main thread only and would block an event loop there.
Here each child process has its own main thread, and a thread of the parent kills a child that does not answer in time.
Children are started with `Popen`: `fork` is unsafe after CUDA, and `multiprocessing` would run the user's script again
and unpickle results from a process that handles hostile text.
"""

import json
import os
import queue
import selectors
import subprocess
import sys
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from peerleap.evals.extras import MissingExtra, installed

START_SECONDS = 90.0
GRACE_SECONDS = 1.0
REMEMBERED = 10_000
Task = str | dict[str, Any]
"""One answer as TeX, or the parts of an answer that `compare` could not decide."""
_SCRIPT = Path(__file__).with_name("math_worker.py")


class Comparison(NamedTuple):
    """Whether two answers are equal, and the problem (`timeout`, `crashed`, ...) if that could not be decided.

    `closed`: the pool was closed meanwhile, which says nothing about the answers.
    """

    equal: bool
    problem: str | None


class GraderBroken(RuntimeError):
    """The process that compares answers cannot start, so nothing can be graded."""


class WorkerLost(Exception):
    """A child died, or did not answer in time."""


class Worker:
    """One child process; `compare` blocks its thread for at most `seconds + GRACE_SECONDS` once the child runs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._ended = False

    def start(self) -> None:
        """Start the child unless it runs, and wait until sympy is loaded."""
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()
        if self._ended:
            raise WorkerLost("closed")
        # -P keeps the script's folder off the import path: its modules would hide packages of the same name.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-X", "utf8", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            ready = self._reply(START_SECONDS)
        except WorkerLost as error:
            self.kill()
            if self._ended:
                raise
            raise GraderBroken(f"the grading process did not start: {error}") from None
        if not ready["equal"]:
            self.kill()
            raise GraderBroken(f"the grading process cannot compare answers: {ready['problem']!r}")

    def compare(self, gold: Task, answer: Task, seconds: float) -> Comparison:
        """Compare two answers; a child that hangs or dies is killed, and replaced at the next call."""
        job = json.dumps({"gold": gold, "answer": answer, "seconds": seconds})
        try:
            self.start()
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(job.encode() + b"\n")
            self._process.stdin.flush()
            reply = self._reply(seconds + GRACE_SECONDS)
        except (WorkerLost, OSError) as error:
            self.kill()
            lost = str(error) if isinstance(error, WorkerLost) else "crashed"
            return Comparison(equal=False, problem="closed" if self._ended else lost)
        return Comparison(reply["equal"], reply["problem"])

    def end(self) -> None:
        """Kill the child, from any thread; the thread that waits for its reply cleans up."""
        self._ended = True
        process = self._process
        if process is not None:
            process.kill()

    def kill(self) -> None:
        """End the child now and close its pipes."""
        process, self._process, self._unread = self._process, None, b""
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        continue  # unsent bytes of an abandoned job
            process.wait()

    def _reply(self, seconds: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise WorkerLost("timeout")
                received = os.read(self._process.stdout.fileno(), 65536)
                if not received:
                    raise WorkerLost("crashed")
                self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply


def need_math_verify() -> None:
    """Raise `MissingExtra` if math-verify is not installed, without importing it."""
    if not installed("math_verify"):
        raise MissingExtra("math-verify")


class MathPool:
    """A pool of `workers` children; every comparison ends within `seconds` plus one second."""

    def __init__(self, workers: int = 2, seconds: float = 5.0) -> None:
        if workers < 1:
            raise ValueError(f"workers={workers!r}: at least 1 is needed")
        need_math_verify()
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="peerleap-grading")
        self._workers = [Worker() for _ in range(workers)]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)
        self._requested: dict[str, Future[Comparison]] = {}
        self._close = weakref.finalize(self, _close, self._threads, self._workers)

    def warm(self) -> None:
        """Start every child and wait for all of them; each imports sympy, which takes 1 to 4 s."""
        # The queue is first in, first out, so this reaches every worker once.
        for started in [self._threads.submit(_start, self._free) for _ in self._workers]:
            started.result()

    def submit(self, gold: Task, answer: Task) -> Future[Comparison]:
        """Queue a comparison and return its future; equal comparisons share one, so never cancel it.

        Where the pool is closed before the comparison begins, its future is cancelled or its problem is `closed`.
        """
        key = json.dumps([gold, answer])
        requested = self._requested.get(key)
        if requested is not None and not (requested.done() and (requested.exception() or requested.result().problem)):
            return requested
        if len(self._requested) >= REMEMBERED:
            self._requested.clear()
        try:
            requested = self._threads.submit(_compare, self._free, gold, answer, self._seconds)
        except RuntimeError:
            if self._close.alive:
                raise
            closed: Future[Comparison] = Future()
            closed.set_result(Comparison(equal=False, problem="closed"))
            return closed
        self._requested[key] = requested
        return requested

    def close(self) -> None:
        """Kill the children; unfinished comparisons end as `closed`, or cancelled."""
        self._close()


def _compare(free: queue.SimpleQueue[Worker], gold: Task, answer: Task, seconds: float) -> Comparison:
    # There are as many threads as workers, so a worker is always free here.
    worker = free.get()
    try:
        return worker.compare(gold, answer, seconds)
    finally:
        free.put(worker)


def _start(free: queue.SimpleQueue[Worker]) -> None:
    worker = free.get()
    try:
        worker.start()
    finally:
        free.put(worker)


def _close(threads: ThreadPoolExecutor, workers: list[Worker]) -> None:
    for worker in workers:
        worker.end()
    threads.shutdown(wait=True, cancel_futures=True)
    for worker in workers:
        worker.kill()
