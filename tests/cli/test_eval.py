import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peerleap.cli.main import app
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import read_records
from peerleap.tools.sandbox import probe

QUICK = ["--interval", "60", "--rounds", "1", "--max-tokens", "300", "--summary-tokens", "60", "--paths", "3"]


def script(text: str, params: SamplingParams) -> str:
    if "<summarize>" in text[-120:]:
        return f"I have {(params.seed or 0) % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    return "thinking " * 8 + f"\n\nso \\boxed{{{4 + ((params.seed or 0) % 3 == 0)}}}."


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ScriptedEngine]:
    """The engines that the commands asked for; the working folder is empty but for a data set."""
    made: list[ScriptedEngine] = []

    def get_engine(model: str | None = None, **arguments: Any) -> ScriptedEngine:
        made.append(ScriptedEngine(script, context_length=arguments.get("max_model_len", 100_000)))
        return made[-1]

    monkeypatch.setattr("peerleap.engine.get_engine", get_engine)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("peerleap.evals.duration.file", lambda: tmp_path / "cache" / "eval_speeds.json")
    rows = [{"id": f"s{n}", "question": f"What is 2 + 2, time {n}?", "answer": "4"} for n in range(6)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def call(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_from_eval_to_comparison(engines: list[ScriptedEngine], tmp_path: Path) -> None:
    code, out, told = call("eval", "sums.jsonl", *QUICK, "--runs", "2", "--report", "r.md")
    assert code == 0, told
    assert "12 questions to run, 3 paths each: no eval of this model has run on this machine yet" in told
    assert "[12/12]" in told
    assert "Cons@N" in out
    assert (tmp_path / "r.md").read_text().startswith("# sums.jsonl: leap")
    code, out, told = call("eval", "sums.jsonl", *QUICK, "--runs", "2", "--method", "independent",
                           "--match-tokens", "sums-leap.jsonl", "--out", "ind.jsonl", "--html", "ind.html")  # fmt: skip
    assert code == 0, told
    assert '"kind":"questions"' in (tmp_path / "ind.html").read_text()
    assert "What is 2 + 2, time 5?" in (tmp_path / "ind.html").read_text()
    code, out, told = call("eval", "sums.jsonl", *QUICK, "--runs", "2", "--method", "revise",
                           "--match-seconds", "sums-leap.jsonl", "--out", "longer.jsonl")  # fmt: skip
    assert code == 0, told
    assert "revise (matched seconds)" in out.replace("interval 60, rounds 1, ", "")
    code, out, told = call("compare", "sums-leap.jsonl", "ind.jsonl", "longer.jsonl", "--primary", "pass@1", "--report",
                           "c.md", "--html", "c.html")  # fmt: skip
    assert code == 0, told
    assert (tmp_path / "c.html").read_text().count('type="application/octet-stream"') == 12
    assert "primary: pass@1 at first N paths, by sign-flip" in out
    assert "2 runs in common" in told
    assert "exploratory" in (tmp_path / "c.md").read_text()
    code, _, told = call("compare", "sums-leap.jsonl", "ind.jsonl", "--html", str(tmp_path))
    assert (code, told) == (2, f"peerleap: --html {str(tmp_path)!r}: this is a folder; give the name of a file\n")


def test_quiet_prints_the_results_only(engines: list[ScriptedEngine]) -> None:
    code, out, told = call("eval", "sums.jsonl", *QUICK, "-q")
    assert (code, told) == (0, "")
    assert "Cons@N" in out


def test_only_what_the_same_model_spent_on_the_same_questions_is_matched(
    engines: list[ScriptedEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("eval", "sums.jsonl", *QUICK)
    rows = [{"id": f"s{n}", "question": f"What is 1 + 3, time {n}?", "answer": "4"} for n in range(6)]
    (tmp_path / "others.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    matching = [*QUICK, "--method", "independent", "--match-tokens", "sums-leap.jsonl", "--out", "ind.jsonl"]
    code, _, told = call("eval", "others.jsonl", *matching)
    assert code == 2
    assert "sums-leap.jsonl: data=" in told
    monkeypatch.setattr("peerleap.engine.get_engine", lambda *_, **__: ScriptedEngine(script, model="another"))
    code, _, told = call("eval", "sums.jsonl", *matching)
    assert code == 2
    assert "sums-leap.jsonl: model='scripted', but this eval has 'another'" in told
    assert not (tmp_path / "ind.jsonl").exists()


def test_the_same_command_again_only_reads(engines: list[ScriptedEngine]) -> None:
    call("eval", "sums.jsonl", *QUICK)
    code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert code == 0
    assert "continuing: 6 of 6 are done" in told
    assert engines[1].requests == []


def test_the_same_questions_by_another_path_go_on_in_the_same_file(engines: list[ScriptedEngine]) -> None:
    call("eval", "sums.jsonl", *QUICK)
    code, _, told = call("eval", "./sums.jsonl", *QUICK)
    assert code == 0
    assert "continuing: 6 of 6 are done" in told
    code, _, told = call("eval", "./sums.jsonl", *QUICK, "--limit", "2")
    assert code == 2
    assert "another configuration (data=" in told


def test_another_configuration_is_not_mixed_in(engines: list[ScriptedEngine]) -> None:
    call("eval", "sums.jsonl", *QUICK)
    code, _, told = call("eval", "sums.jsonl", *QUICK, "--top-k", "2")
    assert code == 2
    assert "sums-leap.jsonl holds another configuration (settings=" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aime1066"], "'aime1066' is not a data set"),
        (["sums.jsonl", "--method", "lepa"], "method='lepa' is not one of"),
        (["sums.jsonl", "--router", "near"], "router='near'"),
        (["sums.jsonl", "--option", "layers=2"], "option 'layers': 'leap' has no options"),
        (["sums.jsonl", "--grader", "kind"], "grader='kind' is not one of"),
        (["sums.jsonl", "--runs", "0"], "runs=0"),
        (["sums.jsonl", "--paths", "0"], "paths=0"),
        (
            ["sums.jsonl", "--budget", "900"],
            "'leap' does not go on until one is spent; deepconf, independent, revise do",
        ),
        (["sums.jsonl", "--budget", "soon"], "--budget 'soon': give generated tokens, such as 20000, or seconds, "),
        (["sums.jsonl", "--method", "revise", "--budget", "0"], "budget=0: give a number above 0"),
        (["sums.jsonl", "--budget", "9s", "--match-seconds", "x"], "--budget and --match-seconds: give one of them"),
        (["sums.jsonl", "--method", "independent", "--match-tokens", "x.jsonl"], "x.jsonl: no such file"),
        (["sums.jsonl", "--max-tokens", "4000", "--engine-arg", "max_model_len=4000"], "set max_tokens to at most"),
        (["sums.jsonl", "--report", "no/where.md"], "there is no folder"),
        (["sums.jsonl", "--report", "."], "--report '.': this is a folder; give the name of a file"),
        (["sums.jsonl", "--tools", "pyton"], "--tools 'pyton': none of python, read_page, web_search"),
        (["sums.jsonl", "--team", "paper", "--paths", "3"], "--team 'paper': the team names its paths"),
        (["sums.jsonl", "--team", "gone.toml"], "'gone.toml': No such file"),
        (["sums.jsonl", "-n", "8", "--method", "moa"], "--paths 8: moa has layers of agents; give --option agents=8"),
        (["sums.jsonl", "--team", "paper", "--method", "moa"], "team: only deepconf, independent, leap"),
    ],
)
def test_bad_input_gets_one_clear_line(arguments: list[str], said: str, engines: list[ScriptedEngine]) -> None:
    code, _, told = call("eval", *arguments)
    assert code == 2
    assert said in told
    assert told.startswith("peerleap: ")
    assert told.count("\n") == 1
    assert all(engine.requests == [] for engine in engines)


def test_options_are_shuffled_where_the_message_says_so(engines: list[ScriptedEngine], tmp_path: Path) -> None:
    rows = [{"id": f"c{n}", "question": "Even?", "answer": "A", "choices": ["two", "one", "three"]} for n in range(9)]
    (tmp_path / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, told = call("eval", "letters.jsonl", *QUICK)
    assert code == 2
    assert "shuffle the options with --data-seed 42" in told
    code, _, told = call("eval", "letters.jsonl", *QUICK, "--data-seed", "42")
    assert code == 0, told
    assert {record.meta["gold"] for record in read_records("letters-leap.jsonl")[1]} == set("ABC")


def test_without_math_verify_nothing_is_generated(
    engines: list[ScriptedEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("peerleap.evals.grading.math_pool.installed", lambda _: False)
    code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert (code, told) == (2, "peerleap: 'math-verify' is not installed: pip install 'peerleap[evals]'\n")
    assert engines == []
    rows = [{"id": f"c{n}", "question": "Even?", "answer": "AB"[n], "choices": ["two", "four"]} for n in range(2)]
    (tmp_path / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for needless in (["letters.jsonl"], ["sums.jsonl", "--grader", "leap-official", "--out", "official.jsonl"]):
        code, _, told = call("eval", *needless, *QUICK)
        assert code == 0, told


def test_a_grading_process_that_cannot_start_is_one_line(
    engines: list[ScriptedEngine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "worker.py").write_text("raise SystemExit(1)")
    with monkeypatch.context() as broken:
        broken.setattr("peerleap.evals.grading.math_pool._SCRIPT", tmp_path / "worker.py")
        broken.setattr("peerleap.engine.get_engine", lambda *_, **__: ScriptedEngine(lambda *_: "\\boxed{\\sin(2)}"))
        code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert code == 1
    assert told.endswith("peerleap: the grading process did not start: crashed; finished questions are stored\n")
    assert "Traceback" not in told
    code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert code == 0, told


@pytest.mark.skipif(not probe().tier, reason="this machine can build no walls")
def test_paths_may_run_python_with_and_without_peers(
    engines: list[ScriptedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(text: str, params: SamplingParams) -> str:
        if "<summarize>" in text[-120:] or text.endswith("\\boxed{"):
            return "4}</summarize>"
        return "So \\boxed{4}." if "```output\n4" in text else "```python\nprint(2 + 2)\n```\n"

    monkeypatch.setattr("peerleap.engine.get_engine", lambda *_, **__: ScriptedEngine(compute))
    quick = ["--limit", "2", "--paths", "2", "--interval", "200", "--rounds", "1", "--max-tokens", "900"]
    for method in ("leap", "independent"):
        code, _, told = call("eval", "sums.jsonl", *quick, "--method", method, "--tools", "python")
        assert code == 0, told
        header, records = read_records(f"sums-{method}.jsonl")
        assert [peer["tools"] for peer in header.config["peers"]] == [["python"]]
        assert header.hardware["sandbox_tier"] in {1, 2}
        assert [record.meta["tools"] for record in records] == [{"calls": 1, "failed": 0}] * 4
        assert all(record.verdict.correct and record.tokens.inserted for record in records)
    code, _, told = call("eval", "sums.jsonl", *quick)
    assert code == 2
    assert "sums-leap.jsonl holds another configuration (peers=" in told


def test_a_team_of_a_file(engines: list[ScriptedEngine], tmp_path: Path) -> None:
    (tmp_path / "team.toml").write_text('[[peers]]\nname = "a"\ncount = 2\n[[peers]]\nname = "b"\nmodel = "other"\n')
    for method in ("leap", "independent"):
        code, out, told = call(
            "eval", "sums.jsonl", *QUICK[:-2], "--limit", "1", "--method", method, "--team", "team.toml"
        )
        assert code == 0, told
        assert "2 x a, 1 x b" in out
        assert [record.path for record in read_records(f"sums-{method}.jsonl")[1]] == ["a_1", "a_2", "b_1"]
        assert [bool(engine.requests) for engine in engines[-2:]] == [True, True]


def test_comparing_needs_a_known_metric_and_two_files(engines: list[ScriptedEngine]) -> None:
    call("eval", "sums.jsonl", *QUICK)
    for arguments, said in (
        (["sums-leap.jsonl"], "needs at least 2"),
        (["sums-leap.jsonl", "gone.jsonl"], "gone.jsonl: no such file"),
        (["sums-leap.jsonl", "sums-leap.jsonl", "--primary", "acc"], "primary='acc' is not one of"),
        (["sums-leap.jsonl", "sums-leap.jsonl", "--report", "."], "this is a folder"),
    ):
        code, _, told = call("compare", *arguments)
        assert code == 2
        assert said in told


def test_questions_that_fail_twice_make_the_exit_code_1(
    engines: list[ScriptedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str, params: SamplingParams) -> str:
        raise RuntimeError("no luck")

    monkeypatch.setattr("peerleap.engine.get_engine", lambda *_, **__: ScriptedEngine(fail))
    code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert code == 1
    assert "6 questions failed twice" in told


def test_ctrl_c_loses_nothing(engines: list[ScriptedEngine], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("peerleap.evals.run_eval", interrupt)
    code, _, told = call("eval", "sums.jsonl", *QUICK)
    assert code == 130
    assert "nothing is lost; to continue:" in told
    monkeypatch.undo()
