"""Runs an eval: every question's requests feed one continuous batch, and nothing that was done is lost.

Questions are taken from a queue by as many workers as may be in flight, so a slow one does not delay the others. Each
question's run keeps its own checkpoint file until its paths are in the records; a killed eval goes on inside its
questions.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from peerleap.engine import Engine
from peerleap.evals.counting import OnTokens, counted
from peerleap.evals.data import Problem, check_golds
from peerleap.evals.grading import Grader
from peerleap.evals.plan import Plan
from peerleap.evals.question import Questions
from peerleap.evals.records import PathRecord, Records


@dataclass(frozen=True, slots=True)
class Progress:
    """One question's run has ended; `done` of `total` are in the records."""

    question: str
    run: int
    done: int
    total: int
    paths: int
    correct: int
    generated: int
    """Tokens of this question's run."""
    seconds: float
    error: str | None = None


OnProgress = Callable[[Progress], None]


async def run_eval(
    plan: Plan,
    engine: Engine,
    records: Records,
    grader: Grader,
    *,
    on_progress: OnProgress | None = None,
    on_tokens: OnTokens | None = None,
) -> int:
    """Run what the records do not have yet; returns how many questions' runs failed (twice) in this call.

    `on_progress` is called for every question that has ended, `on_tokens` for every request. Cancelling loses nothing:
    the same call continues.

    Raises:
        DataError: a gold answer would not be graded right itself.
        EngineError: the engine cannot run anything any more; finished questions stay recorded, none as failed.
        MissingExtra: a package is not installed.
    """
    if plan.grader == "peerleap":
        await asyncio.to_thread(check_golds, plan.problems, grader)
    if on_tokens is not None:
        plan, engine = counted(plan, engine, on_tokens)
    return await _Eval(plan, engine, records, grader, on_progress).run()


class _Eval:
    def __init__(
        self, plan: Plan, engine: Engine, records: Records, grader: Grader, on_progress: OnProgress | None
    ) -> None:
        self.plan, self.records, self.on_progress = plan, records, on_progress
        self.questions = Questions(plan, engine, records, grader)
        self.total = len(plan.problems) * plan.runs
        wanted = {(problem.id, run, plan.method) for run in plan.seeds for problem in plan.problems}
        self.done = len(wanted & records.done)
        self.failed = 0

    async def run(self) -> int:
        self.questions.sweep()
        queue = self._jobs()
        workers = min(self.plan.questions_in_flight, max(1, self.total - self.done))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(queue))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        self.questions.tidy()
        return self.failed

    def _jobs(self) -> Iterator[tuple[Problem, int]]:
        for run in self.plan.seeds:
            for problem in self.plan.problems:
                if (problem.id, run, self.plan.method) not in self.records.done:
                    yield problem, run

    async def _work(self, queue: Iterator[tuple[Problem, int]]) -> None:
        for problem, run in queue:
            await self._question(problem, run)

    async def _question(self, problem: Problem, run: int) -> None:
        lines, seconds, error = await self.questions.run(problem, run)
        self._report(problem, run, lines, seconds, error)

    def _report(self, problem: Problem, run: int, lines: list[PathRecord], seconds: float, error: str | None) -> None:
        self.done += 1
        self.failed += error is not None
        if self.on_progress is None:
            return
        counted = [line for line in lines if line.meta["counted"]]
        self.on_progress(
            Progress(
                question=problem.id,
                run=run,
                done=self.done,
                total=self.total,
                paths=len(counted),
                correct=sum(line.verdict.correct for line in counted),
                generated=sum(line.tokens.generated for line in lines),
                seconds=seconds,
                error=error,
            )
        )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
