"""`peerleap study types`: from two evals to a folder, and what it refuses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine

Invoke = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]
QUICK = ["--max-tokens", "900", "--paths", "3", "--keep-ids", "-q"]
LEAP = ["--interval", "60", "--rounds", "1", "--summary-tokens", "60"]


def script(text: str, params: SamplingParams) -> str:
    if "Several people work on one problem" in text:
        return '{"type": "influenced", "reason": "it took 4"}' if "I have 4" in text else "I cannot say."
    heard = "I have 4" in text.rpartition("<comment>")[2] and "</comment>" in text
    if "<summarize>" in text[-120:]:
        return f" I have {4 if (params.seed or 0) % 2 else 5}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}" if heard else "5}"
    return f"{'thinking 12 about it, ' * 12}so \\boxed{{{4 if heard else 5}}}."


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ScriptedEngine]:
    """The engines that the commands asked for; the working folder has two evals' results."""
    made: list[ScriptedEngine] = []

    def get_engine(model: str | None = None, **_: Any) -> ScriptedEngine:
        made.append(ScriptedEngine(script, model=model or "scripted", context_length=100_000))
        return made[-1]

    monkeypatch.setattr("peerleap.engine.get_engine", get_engine)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr("peerleap.evals.duration.file", lambda: tmp_path / "cache" / "eval_speeds.json")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(5)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


@pytest.fixture
def files(engines: list[ScriptedEngine], invoke: Invoke) -> tuple[str, str]:
    """Two evals with their token ids."""
    named = {"leap.jsonl": ["--method", "leap", *LEAP], "alone.jsonl": ["--method", "independent"]}
    for file, options in named.items():
        done = invoke("eval", "sums.jsonl", "--model", "made-up", *QUICK, *options, "-o", file)
        assert done.exit_code == 0, done.stderr
    return "leap.jsonl", "alone.jsonl"


def test_from_two_evals_to_a_folder(
    files: tuple[str, str], engines: list[ScriptedEngine], invoke: Invoke, tmp_path: Path
) -> None:
    study = ("study", "types", *files, "--out", "types", "--after", "30")
    done = invoke(*study)
    assert done.exit_code == 0, done.stderr
    assert "right (C) and wrong (I)" in done.stdout
    assert "of what the two evals generated" in done.stdout
    assert "fill in the column type of types/sample.csv" in done.stderr
    assert {file.name for file in (tmp_path / "types").iterdir()} == {
        "probes.jsonl", "sample.csv", "types.md", "types.png", "cases.md"
    }  # fmt: skip
    assert engines[-1].requests
    assert engines[-1].model == "made-up"
    again = invoke(*study)
    assert again.stdout == done.stdout
    assert engines[-1].requests == []
    report = (tmp_path / "types" / "types.md").read_text()
    assert report.startswith("# sums.jsonl: what communication did\n")
    assert "| first block to the end | alone | 15 |" in report
    assert "30 own tokens later" in report
    cases = (tmp_path / "types" / "cases.md").read_text()
    assert "## Rescued (" in cases
    sample = tmp_path / "types" / "sample.csv"
    filled = sample.read_text().replace("\r\n", "\n").rstrip("\n").removesuffix(",") + ",consistent\n"
    sample.write_text(filled)
    judged = invoke(*study, "--judge", "wise")
    assert judged.exit_code == 0, judged.stderr
    assert engines[-1].model == "wise"
    assert "the judge named a type in " in judged.stderr
    assert "person and judge: 1 steps" in judged.stdout or "person and judge" not in judged.stdout
    assert sample.read_text() == filled  # what a person wrote is never overwritten
    assert "judge" in (tmp_path / "types" / "types.md").read_text()
    other = invoke(*study[:-1], "31")
    assert other.exit_code == 2
    assert "types/probes.jsonl holds another configuration (options=" in other.stderr


def test_bad_input_costs_one_line_and_no_request(
    files: tuple[str, str], engines: list[ScriptedEngine], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, message in (
        (["leap.jsonl"], "this is one method"),
        (["alone.jsonl", "leap.jsonl"], "results of 'independent'; the first file is of leap"),
        (["nothing.jsonl"], "nothing.jsonl: no such file"),
        ([*files, "--after", "0"], "after=0: give a whole number of tokens"),
        ([*files, "--out", "leap.jsonl"], "--out 'leap.jsonl': this is a file; give the name of a folder"),
        (["sums.jsonl"], "sums.jsonl: not a records file"),
    ):
        done = invoke("study", "types", *arguments)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr
    assert all(not engine.requests for engine in engines[2:])
    monkeypatch.setattr("peerleap.evals.studies.types.sources.vocabulary_hash", lambda _: "another")
    done = invoke("study", "types", *files, "--model", "other")
    assert done.exit_code == 2
    assert "leap.jsonl: its token ids are not those of 'other'; give its own --model" in done.stderr


@pytest.mark.slow
def test_types_on_the_real_engine(vllm: None, start: Start, tmp_path: Path) -> None:
    from peerleap.training.miniature.questions import questions, write

    write(questions("chain", 3, 17), tmp_path / "chain.jsonl")
    task, made = str(tmp_path / "chain.jsonl"), ["--model", "miniature", "--paths", "2", "--temperature", "1.2", "-q"]

    def run(*arguments: str) -> str:
        out, errors = (process := start(*arguments)).communicate(timeout=400)
        assert process.returncode == 0, errors
        return out

    leap, alone = str(tmp_path / "leap.jsonl"), str(tmp_path / "alone.jsonl")
    run("eval", task, *made, "--rounds", "2", "--keep-ids", "-o", leap)
    run("eval", task, *made, "--method", "independent", "--keep-ids", "-o", alone)
    shown = run("study", "types", leap, alone, "--out", str(tmp_path / "types"), "-q")
    assert "first block to the end" in shown.replace("\n", " ") or "first" in shown
    assert "probes: " in shown
    assert "% of theirs were)" in shown
    assert (tmp_path / "types" / "types.png").stat().st_size > 10_000
