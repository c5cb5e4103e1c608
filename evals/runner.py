"""Runs an eval: every question's requests feed one continuous batch, and nothing that was done is lost.

Questions are taken from a queue by as many workers as may be in flight, so a slow one holds up nobody. Each question's
run keeps its own checkpoint file until its paths are in the records; a killed eval goes on inside its questions.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peerleap.engine import Engine, EngineDead, EngineError, EngineMissing, EngineStartError
from peerleap.evals.extras import MissingExtra
from peerleap.evals.grading import NO_ANSWER, Grader
from peerleap.evals.methods import METHODS, MethodConfig, PathResult
from peerleap.evals.metrics import Tokens
from peerleap.evals.path_lines import path_record
from peerleap.evals.plan import Plan
from peerleap.evals.problems import Problem
from peerleap.evals.record_lines import PathRecord
from peerleap.evals.records import Records
from peerleap.graph.seeds import derive_seed

ATTEMPTS = 2
_FATAL = tuple(f"{kind.__name__}: " for kind in (EngineDead, EngineMissing, EngineStartError))


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
    plan: Plan, engine: Engine, records: Records, grader: Grader, *, on_progress: OnProgress | None = None
) -> int:
    """Run what the records do not have yet; returns how many questions' runs failed (twice) in this call.

    Cancelling it loses nothing: the same call goes on.

    Raises:
        EngineError: the engine cannot run anything any more; what is done is kept, and nothing is recorded as failed.
        MissingExtra: a package is not installed.
    """
    return await _Eval(plan, engine, records, grader, on_progress).run()


class _Eval:
    def __init__(
        self, plan: Plan, engine: Engine, records: Records, grader: Grader, on_progress: OnProgress | None
    ) -> None:
        self.plan, self.engine, self.records, self.grader = plan, engine, records, grader
        self.on_progress = on_progress
        self.folder = records.path.with_name(f"{records.path.name}.checkpoints")
        self.total = len(plan.problems) * plan.runs
        wanted = {(problem.id, run, plan.method) for run in plan.seeds for problem in plan.problems}
        self.done = len(wanted & records.done)
        self.failed = 0

    async def run(self) -> int:
        queue = self._jobs()
        workers = min(self.plan.questions_in_flight, max(1, self.total - self.done))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._work(queue))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
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
        started, clock = time.time(), time.monotonic()
        checkpoint = self._checkpoint(problem.id, run)
        config = replace(self.plan.config, checkpoint=checkpoint, **self._budget(problem.id, run))
        meta: dict[str, Any] = {}
        paths: list[PathResult] = []
        error: str | None = None
        for attempt in range(1, ATTEMPTS + 1):
            paths, error = await self._attempt(problem, run, config)
            if error is None:
                break
            meta |= {"attempts": attempt, "question_error": error}
            # What failed is checkpointed as failed; the retry begins afresh.
            _remove(checkpoint)
        meta |= {"started": round(started, 3), "seconds": round(time.monotonic() - clock, 3)}
        if paths:
            lines = [
                await path_record(
                    path, problem, self.grader, run=run, method=self.plan.method, paths=len(paths), meta=meta
                )
                for path in paths
            ]
        else:
            lines = [self._lost(problem, run, meta)]
        self.records.append(lines)
        _remove(checkpoint)
        self._tell(problem, run, lines, meta["seconds"], error)

    async def _attempt(self, problem: Problem, run: int, config: MethodConfig) -> tuple[list[PathResult], str | None]:
        """The paths, and why the question failed if it did."""
        try:
            paths = await METHODS[self.plan.method](problem, self.engine, config, derive_seed(run, problem.id))
        except (EngineDead, EngineMissing, EngineStartError, MissingExtra):
            raise
        except Exception as error:  # noqa: BLE001 - whatever one question does, the others go on
            return [], f"{type(error).__name__}: {error}"
        for path in paths:
            if path.error is not None and path.error.startswith(_FATAL):
                # A question is not wrong because the machine gave up: it runs again when the eval is resumed.
                if config.checkpoint is not None:
                    _remove(config.checkpoint)
                raise EngineError(path.error)
        counted = [path for path in paths if path.counted]
        if all(path.outcome == "failed" for path in counted):
            return paths, counted[0].error or "every path failed"
        return paths, None

    def _lost(self, problem: Problem, run: int, meta: dict[str, Any]) -> PathRecord:
        verdict = replace(NO_ANSWER, how="failed")
        told = {**meta, "counted": True, "gold": problem.answer, "error": meta["question_error"]}
        return PathRecord(
            question=problem.id, run=run, method=self.plan.method, path="none", paths=1, outcome="failed",
            verdict=verdict, tokens=Tokens(), meta=told,
        )  # fmt: skip

    def _tell(self, problem: Problem, run: int, lines: list[PathRecord], seconds: float, error: str | None) -> None:
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

    def _budget(self, question: str, run: int) -> dict[str, Any]:
        amount = self.plan.budgets.get((question, run), self.plan.budget)
        if amount is None:
            return {}
        return {"seconds": float(amount)} if self.plan.unit == "seconds" else {"budget": int(amount)}

    def _checkpoint(self, question: str, run: int) -> Path:
        # Ids come from data files: they are no file names. Another configuration's checkpoints are never taken up.
        name = f"{self.records.config_hash}\x1f{question}\x1f{run}\x1f{self.plan.method}"
        return self.folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.sqlite"


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _remove(checkpoint: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        checkpoint.with_name(checkpoint.name + suffix).unlink(missing_ok=True)
