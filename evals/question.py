"""One question's run, from its first request to its lines in the records."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peerleap.engine import Engine, EngineDead, EngineError, EngineMissing, EngineStartError
from peerleap.evals.clock import Clock
from peerleap.evals.data import Problem
from peerleap.evals.extras import MissingExtra
from peerleap.evals.grading import NO_ANSWER, Grader
from peerleap.evals.methods import METHODS, MethodConfig, PathResult
from peerleap.evals.plan import Plan
from peerleap.evals.records import PathRecord, Records, path_record
from peerleap.evals.stats import Tokens
from peerleap.graph import derive_seed

ATTEMPTS = 2
_FATAL = tuple(f"{kind.__name__}: " for kind in (EngineDead, EngineMissing, EngineStartError))


@dataclass(frozen=True, slots=True)
class Questions:
    """Runs single questions of a plan into its records; a killed question goes on from its checkpoint file."""

    plan: Plan
    engine: Engine
    records: Records
    grader: Grader

    @property
    def folder(self) -> Path:
        """Where the checkpoint files of the questions in flight are."""
        return self.records.path.with_name(f"{self.records.path.name}.checkpoints")

    def sweep(self) -> None:
        """Remove the checkpoints of questions that are done: a kill may fall between last line and removal."""
        if self.folder.is_dir():
            for question, run, _ in self.records.done:
                _remove(self._checkpoint(question, run))

    def tidy(self) -> None:
        """Remove the folder where nothing is in flight."""
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    async def run(self, problem: Problem, run: int) -> tuple[list[PathRecord], float, str | None]:
        """The lines that were written, the seconds it took, and why it failed if it did (twice).

        Raises:
            EngineError: the engine cannot run anything any more; nothing is recorded.
            MissingExtra: a package is not installed.
        """
        for engine in self.plan.engines(self.engine):
            # One after the other, and before the clock runs: the minute that it takes is no question's.
            await engine.start()
        checkpoint = self._checkpoint(problem.id, run)
        clock = Clock(checkpoint)
        config = replace(self.plan.config, checkpoint=checkpoint, **self._budget(problem.id, run, clock))
        meta: dict[str, Any] = {}
        paths: list[PathResult] = []
        error: str | None = None
        for attempt in range(1, ATTEMPTS + 1):
            paths, error = await self._attempt(problem, run, config)
            if error is None:
                break
            meta |= {"attempts": attempt, "question_error": error}
            # What failed is checkpointed as failed; the retry begins afresh.
            _remove(checkpoint, clock=False)
        meta |= {"started": round(clock.started, 3), "seconds": round(clock.seconds, 3)}
        if clock.earlier:
            meta["earlier"] = clock.earlier
        if paths:
            lines = [
                await path_record(
                    path,
                    problem,
                    self.grader,
                    run=run,
                    method=self.plan.method,
                    paths=len(paths),
                    meta=meta,
                    keep_ids=self.plan.keep_ids,
                )
                for path in paths
            ]
        else:
            lines = [self._lost(problem, run, meta)]
        self.records.append(lines)
        _remove(checkpoint)
        return lines, meta["seconds"], error

    async def _attempt(self, problem: Problem, run: int, config: MethodConfig) -> tuple[list[PathResult], str | None]:
        """The paths, and why the question failed if it did."""
        resumed = config.checkpoint is not None and config.checkpoint.exists()
        try:
            method = METHODS[self.plan.method] if self.plan.study is None else self.plan.study.run
            paths = await method(problem, self.engine, config, derive_seed(run, problem.id))
        except (EngineDead, EngineMissing, EngineStartError, MissingExtra):
            raise
        except Exception as error:  # noqa: BLE001 - whatever one question does, the others go on
            return [], f"{type(error).__name__}: {error}"
        for path in paths:
            if path.error is not None and path.error.startswith(_FATAL):
                # A question is not wrong because the machine gave up: it runs again when the eval is resumed.
                if config.checkpoint is not None:
                    _remove(config.checkpoint)
                if resumed:  # the engine that died was another process's
                    return await self._attempt(problem, run, config)
                raise EngineError(path.error)
        counted = [path for path in paths if path.counted]
        if all(path.outcome == "failed" for path in counted):
            return paths, counted[0].error or "every path failed"
        return paths, None

    def _lost(self, problem: Problem, run: int, meta: dict[str, Any]) -> PathRecord:
        verdict = replace(NO_ANSWER, how="failed")
        fields = {**meta, "counted": True, "gold": problem.answer, "error": meta["question_error"]}
        return PathRecord(
            question=problem.id, run=run, method=self.plan.method, path="none", paths=1, outcome="failed",
            verdict=verdict, tokens=Tokens(), meta=fields,
        )  # fmt: skip

    def _budget(self, question: str, run: int, clock: Clock) -> dict[str, Any]:
        amount = self.plan.budgets.get((question, run), self.plan.budget)
        if amount is None:
            return {}
        if self.plan.unit == "tokens":
            return {"budget": int(amount)}
        return {"seconds": amount - sum(length for _, length in clock.earlier)}

    def _checkpoint(self, question: str, run: int) -> Path:
        # Ids come from data files: they are no file names. Another configuration's checkpoints are never taken up.
        name = f"{self.records.config_hash}\x1f{question}\x1f{run}\x1f{self.plan.method}"
        return self.folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.sqlite"


def _remove(checkpoint: Path, *, clock: bool = True) -> None:
    for suffix in ("", "-wal", "-shm", "-journal", *((".clock", ".clock.new") if clock else ())):
        checkpoint.with_name(checkpoint.name + suffix).unlink(missing_ok=True)
