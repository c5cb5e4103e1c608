"""inspect_ai's front to the same runs: `inspect eval peerleap/solve -T data=aime2024 -T paths=8`.

The results file stays the truth: what it holds is not run again, so `inspect eval-retry` goes on inside questions, and
a file that `peerleap eval` made becomes a log to look at.
"""

import asyncio
import atexit
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from rich.markup import escape

from peerleap.cli.eval_run import say, team_from
from peerleap.cli.options import settings_from
from peerleap.engine import EngineError, get_engine
from peerleap.evals import (
    Grader,
    MethodConfig,
    MissingExtra,
    PathRecord,
    Plan,
    Questions,
    Records,
    Team,
    check_fits,
    header,
    load,
    read_records,
)
from peerleap.evals.methods import method_options
from peerleap.evals.records import graded_text
from peerleap.evals.stats import Graded, Tokens, ballot, majority, question_metrics
from peerleap.viewer import emit_lanes, recorded_run, run_rows


@task
def solve(
    data: str,
    method: str = "leap",
    paths: int | None = None,
    seed: int = 0,
    tools: str | list[str] | None = None,
    team: str | None = None,
    weights: str | None = None,
    out: str | None = None,
    grader: str = "peerleap",
    data_seed: int | None = None,
    temperature: float | None = None,
    communicate_at: str | int | list[int] | None = None,
    **settings: Any,
) -> Task:
    """A method on a data set, as `peerleap eval` runs it; `--epochs 4` is four runs.

    Args:
        data: name of a data set, or a `.jsonl` or `.csv` file.
        method: see `peerleap.evals.methods`.
        paths: paths of each question; 4 unless given.
        seed: of the first run; each further epoch adds 1.
        tools: what every path may call, by commas.
        team: a team file, instead of `paths` and `tools`.
        weights: hub id or folder of the model (inspect's own `--model` is not used).
        out: the results file; named after data and method unless given.
        grader: `peerleap`, or `leap-official`.
        data_seed: of the options' order and of generated questions.
        temperature: 0 is greedy.
        communicate_at: token counts, by commas.
        settings: of the LeaP graph, such as `router` and `top_k`.
    """
    data = str(data)
    with _one_line_errors():
        # inspect_ai reads `-T` as YAML, and what has commas as a list.
        commas = ",".join(map(str, communicate_at)) if isinstance(communicate_at, list) else communicate_at
        context = settings_from(communicate_at=commas, temperature=temperature, **settings)
        peers = team_from(team, None if tools is None else tools if isinstance(tools, list) else [tools], paths)
        config = MethodConfig(4 if paths is None else paths, context, method_options(method, {}),
                              team=None if peers is None else Team(peers))  # fmt: skip
        problems = load(data, seed=data_seed)
        plan = Plan(data, problems, method, config, seed=seed, grader=grader)
        _grader(grader).require({problem.kind for problem in problems})
        if note := check_fits(plan, get_engine(weights)):
            say(note)
    file = Path(out or f"{Path(data).stem.replace(':', '-')}-{method}.jsonl")
    samples = [
        Sample(
            id=problem.id, input=problem.text, target=problem.answer, metadata={"qid": problem.id, "kind": problem.kind}
        )
        for problem in problems
    ]
    return Task(
        dataset=MemoryDataset(samples, name=data), solver=_reason(plan, file, weights), scorer=per_path(grader),
        epochs=Epochs(1, "mean"), name=f"{Path(data).stem}-{method}", fail_on_error=True,
    )  # fmt: skip


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Say what a user can mend in one line, as `peerleap eval` does: inspect_ai prints a traceback of all else."""
    from inspect_ai._util.error import PrerequisiteError

    try:
        yield
    except (ValueError, EngineError, MissingExtra, OSError) as error:
        raise PrerequisiteError(escape(f"peerleap: {error}")) from error


def _reason(plan: Plan, file: Path, weights: str | None) -> Solver:
    runs, problems = _Runs(plan, file, weights), {problem.id: problem for problem in plan.problems}

    @solver(name=plan.method)
    def reason() -> Solver:
        async def run(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001 - inspect's signature
            lines = await runs.of(problems[str(state.sample_id)], plan.seed + state.epoch - 1)
            messages = [_message(line) for line in lines]
            state.messages += messages
            recorded = recorded_run(lines, problems[str(state.sample_id)].text, dict(plan.config.settings))
            rows = run_rows(recorded, models=dict.fromkeys(recorded["histories"], weights or "peerleap"))
            emit_lanes(rows, messages)
            winner = majority([line.graded for line in lines if line.meta["counted"]])
            state.output = ModelOutput.from_content(plan.method, "" if winner is None else str(winner.answer))
            return state

        return run

    return reason()


def _message(line: PathRecord) -> ChatMessageAssistant:
    """A path as the viewer shows it, with all that scoring it again takes."""
    metadata = {
        "path": line.path,
        "outcome": line.outcome,
        "counted": line.meta["counted"],
        "tokens": asdict(line.tokens),
        "segments": list(line.segments),
    }
    return ChatMessageAssistant(content=line.text or "", metadata=metadata)


@scorer(metrics=[{"*": [mean(), stderr(cluster="qid")]}])
def per_path(grader: str = "peerleap") -> Scorer:
    """Every path graded on its own text, and the question's metrics over the paths that vote."""

    async def score(state: TaskState, target: Target) -> Score:
        graded: list[Graded] = []
        verdicts: list[dict[str, Any]] = []
        spent = Tokens()
        for message in state.messages:
            about = message.metadata or {}
            if "path" not in about:
                continue
            verdict = await graded_text(
                message.text, about["outcome"], target.text, state.metadata["kind"], _grader(grader)
            )
            tokens = Tokens(**about["tokens"])
            spent += tokens
            verdicts.append({"path": about["path"], **asdict(verdict)})
            if about["counted"]:
                graded.append(Graded(ballot(verdict, state.metadata["kind"]), verdict.correct, tokens))
        values: dict[str, Any] = {
            name: value for name, value in question_metrics(graded).items() if not name.startswith("tokens_")
        }
        winner = majority(graded)
        return Score(
            value={**values, "generated": spent.generated, "inserted": spent.inserted},
            answer=None if winner is None else winner.answer,
            explanation=json.dumps(verdicts, ensure_ascii=False),
        )

    return score


@cache
def _grader(method: str) -> Grader:
    made = Grader(method)
    atexit.register(made.close)
    return made


class _Runs:
    """The results file and what runs into it; open while any sample does."""

    def __init__(self, plan: Plan, file: Path, weights: str | None) -> None:
        self._plan, self._file, self._weights = plan, file, weights
        self._users, self._lock = 0, asyncio.Lock()
        self._questions: Questions | None = None
        self._there: dict[tuple[str, int, str], list[PathRecord]] = {}

    async def of(self, problem: Any, run: int) -> list[PathRecord]:
        """The paths of one question's run, from the file where they are there."""
        async with self._opened() as questions:
            key = (problem.id, run, self._plan.method)
            if key in questions.records.done:
                return self._there.pop(key, None) or [line for line in questions.records.records if line.key == key]
            lines, _, _ = await questions.run(problem, run)
            return lines

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Questions]:
        # Samples start at the same time: one of them opens the file.
        async with self._lock:
            self._users += 1
            try:
                questions = self._questions = self._questions or self._open()
            except BaseException:
                self._users -= 1
                raise
        try:
            yield questions
        finally:
            self._users -= 1
            if not self._users:
                questions.tidy()
                questions.records.close()
                self._questions = None

    def _open(self) -> Questions:
        engine = get_engine(self._weights)
        # As `peerleap eval` has it, so that either goes on with the other's file.
        head = header(self._plan, engine)
        records = Records.open(self._file, head)
        self._there = {}
        for line in read_records(self._file)[1] if records.done else ():
            self._there.setdefault(line.key, []).append(line)
        questions = Questions(self._plan, engine, records, _grader(self._plan.grader))
        questions.sweep()
        return questions
