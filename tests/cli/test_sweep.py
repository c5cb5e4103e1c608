"""`peerleap sweep`: a folder that goes on where it was stopped, and one engine for all of its cells."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import EngineDead, SamplingParams, ScriptedEngine
from peerleap.evals import read_records

Invoke = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]
QUICK = ["--max-tokens", "300", "--summary-tokens", "60", "--paths", "2", "--rounds", "1", "-o", "out"]


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    return "thinking " * 12 + f"\n\nso \\boxed{{{4 + ((params.seed or 0) % 3 == 0)}}}."


class Mortal(ScriptedEngine):
    """Dies at its `lives`-th request, if it has so few."""

    lives: int | None = None
    asked_for = 0

    async def generate(self, *args: Any, **named: Any) -> Any:
        if self.lives is not None and len(self.requests) >= self.lives:
            raise EngineDead("the engine died")
        return await super().generate(*args, **named)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mortal:
    made = Mortal(script, context_length=100_000)

    def get_engine(*_: Any, **__: Any) -> Mortal:
        made.asked_for += 1
        return made

    monkeypatch.setattr("peerleap.engine.get_engine", get_engine)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("peerleap.evals.duration.file", lambda: tmp_path / "cache" / "eval_speeds.json")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(4)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def test_a_sweep_that_was_stopped_goes_on_and_draws_its_curve(engine: Mortal, invoke: Invoke, tmp_path: Path) -> None:
    command = ["sweep", "sums.jsonl", "--over", "interval=40,80", *QUICK]
    engine.lives = 30
    stopped = invoke(*command)
    assert stopped.exit_code == 1
    assert "the engine died" in stopped.stderr
    assert not (tmp_path / "out" / "sweep.md").exists()
    before = len(read_records(tmp_path / "out" / "independent.jsonl")[1])
    assert before == 8
    engine.lives, engine.asked_for = None, 0
    done = invoke(*command)
    assert done.exit_code == 0, done.stderr
    assert "cell 1 of 3: independent" in done.stderr
    assert "every question is done; results go into out/independent.jsonl" in done.stderr
    assert engine.asked_for == 1
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "independent.jsonl", "interval=40.jsonl", "interval=80.jsonl", "sweep.md", "sweep.png"
    }  # fmt: skip
    assert "a doubling of interval, p = " in done.stdout
    report = (tmp_path / "out" / "sweep.md").read_text()
    assert report.startswith("# sums.jsonl: leap by interval\n")
    assert "| leap | 80 | 4 x 1 x 2 |" in report
    requests = len(engine.requests)
    again = invoke(*command, "-q")
    assert (again.exit_code, again.stderr, len(engine.requests)) == (0, "", requests)
    more = invoke("sweep", "sums.jsonl", "--over", "interval=40,60,80", *QUICK)
    assert more.exit_code == 0, more.stderr
    assert "| leap | 60 | 4 x 1 x 2 |" in (tmp_path / "out" / "sweep.md").read_text()
    compared = invoke("compare", "out/independent.jsonl", "out/interval=40.jsonl")
    assert compared.exit_code == 0, compared.stderr


def test_a_file_of_another_sweep_is_refused_before_anything_runs(engine: Mortal, invoke: Invoke) -> None:
    assert invoke("sweep", "sums.jsonl", "--over", "top_k=1,2", *QUICK, "--no-plot").exit_code == 0
    requests = len(engine.requests)
    done = invoke("sweep", "sums.jsonl", "--over", "top_k=1,2", "--router", "all", *QUICK)
    assert done.exit_code == 2
    assert "out/top_k=1.jsonl holds another configuration (settings=" in done.stderr
    assert len(engine.requests) == requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--over", "interval=9"], "a curve needs at least 2 values"),
        (["--over", "interval=8,9", "--interval", "8"], "--over interval: it is also set by its own option"),
        (["--over", "paths=2,4"], "--over paths: leave out --paths 2"),
        (["--over", "top_k=1,2", "--rounds", "0"], "rounds=0: a path of 'scripted' has no LeaP blocks by default"),
        (["--over", "top_k=1,2", "--method", "lepa"], "method='lepa' is not one of"),
        (["--over", "top_k=1,2", "-o", "sums.jsonl"], "--out 'sums.jsonl': this is a file; give the name of a folder"),
        (["--over", "interval=8,9", "--max-tokens", "99999"], "question 's0' with 2 paths"),
    ],
)
def test_bad_input_costs_one_line_and_no_request(
    engine: Mortal, invoke: Invoke, arguments: list[str], message: str
) -> None:
    done = invoke("sweep", "sums.jsonl", *QUICK, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert engine.requests == []


def test_what_holds_for_several_cells_is_noted_once(
    engine: Mortal, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = Mortal(lambda text, params: script(text, params).replace("\n\n", "</think>"), thinking=True,
                   context_length=20_000)  # fmt: skip
    monkeypatch.setattr("peerleap.engine.get_engine", lambda *_, **__: tight)
    done = invoke("sweep", "sums.jsonl", "--over", "top_k=1,2", "--paths", "2", "-o", "out", "--no-plot")
    assert done.exit_code == 0, done.stderr
    assert "cell 3 of 3" in done.stderr
    assert done.stderr.count("counts what a path reads in LeaP blocks, too") == 1


@pytest.mark.slow
def test_a_sweep_on_the_real_engine(vllm: None, start: Start, tmp_path: Path) -> None:
    from peerleap.training.miniature.questions import questions, write

    write(questions("chain", 3, 17), tmp_path / "chain.jsonl")
    process = start("sweep", str(tmp_path / "chain.jsonl"), "--model", "miniature", "--rounds", "2", "--over",
                    "interval=60,120", "--paths", "2", "-o", str(tmp_path / "out"))  # fmt: skip
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    for cell in ("independent", "interval=60", "interval=120"):
        assert len(read_records(tmp_path / "out" / f"{cell}.jsonl")[1]) == 6
    assert (tmp_path / "out" / "sweep.png").stat().st_size > 10_000
