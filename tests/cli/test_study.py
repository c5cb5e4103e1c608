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


def test_the_embedded_miniature_was_tested_where_it_was_made(notes: Path) -> None:
    from peerleap.cli.listening_notes import listening_note

    assert listening_note("miniature") == ""
    assert not notes.exists()


def test_a_folder_that_was_trained_again_was_never_tested(notes: Path, tmp_path: Path) -> None:
    from peerleap.cli.listening_notes import listening_note

    model, weights = tmp_path / "model", tmp_path / "model" / "model.safetensors"
    model.mkdir()
    weights.write_bytes(b"one")
    assert "never tested" in listening_note(str(model))
    assert listening_note(str(model)) == ""
    weights.write_bytes(b"other")
    assert "never tested" in listening_note(str(model))
    assert len(json.loads(notes.read_text())) == 1


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


def wavering(text: str, params: SamplingParams) -> str:
    """Right for every other seed; what it has begun with decides, where it has begun."""
    if "<summarize>" in text[-120:]:
        return " I have 12.</summarize>"
    if text.endswith("\\boxed{"):
        return "5}"
    found = re.search(r"well|badly", text.rpartition("assistant\n")[2])
    manner = found[0] if found else ("well", "badly")[(params.seed or 0) % 2]
    begun = "" if found else f"{manner} and so on and on, and on, and on and on and on and on and on and on, "
    return f"{begun}then on, and on, and on and on and on and on and on, so \\boxed{{{4 if manner == 'well' else 5}}}."


BEGIN = ["--interval", "60", "--max-tokens", "3000", "--summary-tokens", "60", "--rounds", "1", "--limit", "5"]
BEGIN += ["--questions", "4", "--continuations", "4"]


@pytest.fixture
def wavers(monkeypatch: pytest.MonkeyPatch, engines: list[ScriptedEngine]) -> list[ScriptedEngine]:
    def get_engine(model: str | None = None, **arguments: Any) -> ScriptedEngine:
        engines.append(ScriptedEngine(wavering, model=model or "scripted"))
        return engines[-1]

    monkeypatch.setattr("peerleap.engine.get_engine", get_engine)
    return engines


def test_beginnings_from_samples_to_gaps(invoke: Any, wavers: list[ScriptedEngine], tmp_path: Path) -> None:
    study = ("study", "beginnings", "sums.jsonl", "--model", "made-up", "--sample-paths", "6", *BEGIN)
    done = invoke(*study)
    assert done.exit_code == 0, done.stderr
    assert "first, the samples that beginnings are cut from" in done.stderr
    assert (tmp_path / "made-up-beginnings-trap-samples.jsonl").exists()
    assert "4 questions, 4 continuations each" in done.stdout
    assert re.search(r"bad +│ 0 \[0, 49\]", done.stdout)
    assert re.search(r"good +│ 100 \[51, 100\]", done.stdout)
    assert "Bad beginnings move independent paths by -" in done.stdout
    assert "4 questions show gaps of about" in done.stderr
    again = invoke(*study)
    assert again.stdout == done.stdout
    assert wavers[-1].requests == []
    mixed = invoke(*study, "--kind", "tolerance", "--samples", "made-up-beginnings-trap-samples.jsonl", "-q")
    assert mixed.exit_code == 0, mixed.stderr
    assert mixed.stderr == ""
    assert re.search(r"75 % good +│ 75 ", mixed.stdout)


def test_beginnings_go_on_from_the_samples_of_an_eval(invoke: Any, wavers: list[ScriptedEngine]) -> None:
    sample = ("eval", "sums.jsonl", "--model", "made-up", "--limit", "5", "--paths", "6", "--method", "independent")
    for options, words in (
        (("--keep-ids", "-o", "kept.jsonl"), ""),
        (
            ("-o", "bare.jsonl"),
            "bare.jsonl: it keeps no token ids, so no beginning can be cut from its paths: peerleap",
        ),
    ):
        assert invoke(*sample, *options).exit_code == 0
        study = ("study", "beginnings", "sums.jsonl", "--model", "made-up", *BEGIN, "--samples", options[-1])
        done = invoke(*study)
        assert done.exit_code == (2 if words else 0), done.stderr
        assert words in done.stderr
    other = invoke("study", "beginnings", "sums.jsonl", "--model", "another", *BEGIN, "--samples", "kept.jsonl")
    assert other.exit_code == 2
    assert "paths of the model 'made-up', not of this 'another'" in other.stderr


def test_samples_that_were_stopped_are_gone_on_with(invoke: Any, wavers: list[ScriptedEngine], tmp_path: Path) -> None:
    study = ("study", "beginnings", "sums.jsonl", "--model", "made-up", "--sample-paths", "6", *BEGIN)
    whole = invoke(*study, "--samples", "s.jsonl")
    assert whole.exit_code == 0, whole.stderr
    lines = (tmp_path / "s.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "s.jsonl").write_text("".join(lines[: 1 + 3 * 6]))
    again = invoke(*study, "--samples", "s.jsonl")
    assert "continuing: 3 of 5 are done" in again.stderr
    assert again.stdout == whole.stdout
    # An eval's own samples are not gone on with: they are another configuration's.
    more = invoke(*study[:-2], "--continuations", "3", "--samples", "s.jsonl", "--sample-paths", "5", "-o", "o.jsonl")
    assert more.exit_code == 0, more.stderr
    (tmp_path / "s.jsonl").write_text("".join(lines[: 1 + 3 * 6]))
    stopped = invoke(*study, "--samples", "s.jsonl", "--sample-paths", "5", "-o", "p.jsonl")
    assert stopped.exit_code == 2
    assert "s.jsonl: 3 of 5 questions are done; run the same eval to its end" in stopped.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "TASK: name questions"),
        (["sums.jsonl", "--kind", "worst"], "kind='worst' is not one of trap, tolerance"),
        (["sums.jsonl", "--fraction", "1.5"], "fraction=1.5: give a share of the average response"),
        (["sums.jsonl", "--continuations", "1"], "continuations=1: give 2 to 1024"),
        (["sums.jsonl", "--rounds", "0"], "rounds=0: 'scripted' holds no LeaP block unless told to; give --rounds"),
        (["sums.jsonl", "--samples", "no/where.jsonl"], "--samples 'no/where.jsonl': there is no folder"),
        (["sums.jsonl", "--sample-paths", "0"], "paths=0: give a whole number"),
    ],
)
def test_bad_input_of_beginnings(arguments: list[str], words: str, invoke: Any, wavers: list[ScriptedEngine]) -> None:
    done = invoke("study", "beginnings", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("peerleap: ")
    assert done.stderr.count("\n") == 1
    assert all(not engine.requests for engine in wavers)


@pytest.mark.slow
def test_both_studies_of_the_miniature_on_the_real_engine(start: Any, tmp_path: Path) -> None:
    """The commands as a user types them, each continued once: the second time, nothing is left to run."""
    common = ("--model", "miniature", "--engine-arg", "enforce_eager=true", "-q")
    env = {"PEERLEAP_CACHE": str(tmp_path / "cache"), "COLUMNS": "140"}
    listen = ("study", "listening", *common, "--questions", "3", "--data-seed", "5", "-o", str(tmp_path / "l.jsonl"))
    outputs = []
    for _ in range(2):
        process = start(*listen, env=env)
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
        outputs.append(out)
    assert outputs[0] == outputs[1]
    assert "half-done paths of 3 questions" in outputs[0]
    assert "discrimination" in outputs[0]
    assert "miniature" in json.loads((tmp_path / "cache" / "listening.json").read_text())
    sizes = ("--limit", "6", "--sample-paths", "8", "--questions", "3", "--continuations", "4", "--rounds", "2")
    begin = ("study", "beginnings", *common, *sizes, "--sample-temperature", "1.4", "-o", str(tmp_path / "b.jsonl"))
    process = start(*begin, env=env)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert "gap to none" in out
    assert "LeaP - independent" in out
