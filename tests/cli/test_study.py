"""`peerleap study`: from the command to the tables, and what other commands then say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine

QUICK = ["--interval", "60", "--max-tokens", "300", "--summary-tokens", "60", "--paths", "3"]


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f" I have {(params.seed or 0) % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "5}"
    heard = re.findall(r"My answer is (\d+)", text)
    return (
        f"thinking 12 about it, thinking 12 about it, thinking 12 about it, so \\boxed{{{heard[-1] if heard else 5}}}."
    )


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ScriptedEngine]:
    """The engines that the commands asked for; the working folder is empty but for a data set."""
    made: list[ScriptedEngine] = []

    def get_engine(model: str | None = None, **arguments: Any) -> ScriptedEngine:
        made.append(ScriptedEngine(script, model=model or "scripted"))
        return made[-1]

    monkeypatch.setattr("peerleap.engine.get_engine", get_engine)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("peerleap.evals.duration.file", lambda: tmp_path / "cache" / "eval_speeds.json")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(12)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def test_listening_from_the_command_to_what_eval_says(invoke: Any, engines: list[ScriptedEngine], notes: Path) -> None:
    study = ("study", "listening", "sums.jsonl", "--model", "made-up", "--questions", "12", *QUICK)
    leap = ("eval", "sums.jsonl", "--model", "made-up", "--limit", "2", "--rounds", "1", *QUICK)
    before = invoke(*leap)
    assert (
        "made-up tells right peers from wrong ones was never tested: `peerleap study listening gsm8k" in before.stderr
    )
    assert "never tested" not in invoke(*leap).stderr
    done = invoke(*study)
    assert done.exit_code == 0, done.stderr
    assert "12 questions to run, 3 paths each" in done.stderr
    assert "made-up: 36 half-done paths of 12 questions" in done.stdout
    assert re.search(r"wrong peer +│ 36 +│ 0 \[0, 24\] +│ 100 \[76, 100\] +│ 100", done.stdout)
    assert "This model takes up what it hears, right or wrong" in done.stdout
    assert engines[-1].requests
    again = invoke(*study)
    assert again.stdout == done.stdout
    assert engines[-1].requests == []
    assert json.loads(notes.read_text())["made-up"]["paths"] == 36
    after = invoke(*leap)
    assert "listening test, 36 paths: discrimination +0 [" in after.stderr
    assert "takes up what it hears, right or wrong" in after.stderr
    assert "listening test" not in invoke(*leap, "--quiet").stderr
    assert "listening test" not in invoke(*leap[:-2], "-n", "3", "--method", "independent", "-o", "i.jsonl").stderr


def test_ask_says_once_that_a_model_was_never_tested(invoke: Any, scripted: None, notes: Path) -> None:
    ask = ("ask", "--rounds", "1", "--interval", "40", "--max-tokens", "3000", "--model", "made-up", "How many?")
    assert "made-up tells right peers from wrong ones was never tested" in invoke(*ask).stderr
    assert "never tested" not in invoke(*ask).stderr
    notes.unlink()
    assert "never tested" not in invoke(*ask, "-q").stderr
    assert "never tested" not in invoke(*ask, "--rounds", "0").stderr, "no peers, no question of listening"
    assert not notes.exists()


def test_notes_that_cannot_be_read_or_written_are_no_error(invoke: Any, scripted: None, notes: Path) -> None:
    ask = ("ask", "--rounds", "1", "--interval", "40", "--max-tokens", "3000", "--model", "made-up", "How many?")
    notes.parent.mkdir()
    for damaged in ("", "[1]", '{"made-up": 3}', '{"made-up": {"verdict": 3}}', "[" * 100_000):
        notes.write_text(damaged)
        assert invoke(*ask).exit_code == 0
    notes.unlink()
    notes.mkdir()
    assert invoke(*ask).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "TASK: name questions that the model gets right now and then"),
        (["sums.jsonl", "--paths", "1"], "paths=1: give 2 to 64 paths of each question"),
        (["sums.jsonl", "--questions", "1"], "1 question: the listening test needs two at least"),
        (["sums.jsonl", "--questions", "0"], "--questions 0: give at least 1"),
        (["nothing.jsonl"], "nothing.jsonl"),
        (["sums.jsonl", "--out", "no/where.jsonl"], "--out 'no/where.jsonl': there is no folder"),
        (["sums.jsonl", "--interval", "0"], "interval=0"),
        (["sums.jsonl", "--max-tokens", "999999"], "max_tokens=999999: with this question"),
    ],
)
def test_bad_input_costs_one_line_and_starts_nothing(
    arguments: list[str], words: str, invoke: Any, engines: list[ScriptedEngine]
) -> None:
    done = invoke("study", "listening", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("peerleap: ")
    assert done.stderr.count("\n") == 1
    assert all(not engine.requests for engine in engines)


def test_the_miniature_has_questions_of_its_own(invoke: Any, engines: list[ScriptedEngine], tmp_path: Path) -> None:
    done = invoke("study", "listening", "--model", "miniature", "--questions", "2", *QUICK, "-q")
    assert done.exit_code == 0, done.stderr
    header = json.loads((tmp_path / "miniature-listening.jsonl").read_text().partition("\n")[0])
    assert header["config"]["task"] == "miniature:chain"
