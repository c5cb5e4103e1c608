"""Bad input costs one line, which names the field, the value and the cure, and exit code 2; vLLM is not imported."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import is_prepared

Invoke = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]

REFUSED = {
    "empty question": (["ask", "  "], ["question='  '", "not empty"]),
    "no path": (["ask", "-n", "0", "q"], ["paths=0", "1 to 1024"]),
    "too many paths": (["ask", "-n", "5000", "q"], ["paths=5000", "1 to 1024"]),
    "interval": (["ask", "--interval", "0", "q"], ["interval=0", "greater than or equal to 1"]),
    "k": (["ask", "--top-k", "0", "q"], ["top_k=0", "greater than or equal to 1"]),
    "rounds": (["ask", "--rounds", "-1", "q"], ["rounds=-1", "greater than or equal to 0"]),
    "temperature": (["ask", "--temperature", "-0.5", "q"], ["temperature=-0.5", "greater than or equal to 0"]),
    "temperature that is no number": (["ask", "--temperature", "nan", "q"], ["temperature=nan"]),
    "router": (["ask", "--router", "disperse", "q"], ["router='disperse'", "'dispersed'", "'hybrid'"]),
    "vote": (["ask", "--vote", "mayority", "q"], ["vote='mayority'", "'majority'"]),
    "preset": (["ask", "--preset", "papers", "q"], ["preset='papers'", "'paper'"]),
    "task": (["ask", "--task", "maths", "q"], ["task='maths'", "'math'"]),
    "seed": (["ask", "--seed", "-1", "q"], ["seed=-1", "greater than or equal to 0"]),
    "communicate_at order": (["ask", "--communicate-at", "20,10", "q"], ["communicate_at=[20, 10]", "larger"]),
    "communicate_at text": (["ask", "--communicate-at", "soon", "q"], ["communicate_at", "'soon'", "integer"]),
    "two ways to say when": (
        ["ask", "--communicate-at", "20", "--interval", "9", "q"],
        ["communicate_at", "interval"],
    ),
    "sampling": (["ask", "--sampling", "top_p", "q"], ["--sampling 'top_p'", "name=value"]),
    "sampling field": (["ask", "--sampling", "topp=1", "q"], ["'sampling.topp'", "top_p"]),
    "rounds without end": (
        ["ask", "q", "--rounds", "1" + "0" * 25, "--thread", "t"],
        ["rounds=1" + "0" * 25, "less than or equal to"],
    ),
    "unknown engine argument": (["ask", "--engine-arg", "dtyp=half", "q"], ["'dtyp'", "did you mean 'dtype'?"]),
    "engine argument that is no number": (["ask", "--engine-arg", "max_model_len=x", "q"], ["max_model_len='x'"]),
    "engine argument": (["ask", "--engine-arg", "dtype", "q"], ["--engine-arg 'dtype'", "name=value"]),
    "paths as engine argument": (["ask", "--engine-arg", "paths=3", "q"], ["'paths=3'", "--paths"]),
    "answer_only as engine argument": (["ask", "--engine-arg", "answer_only=true", "q"], ["build_graph in Python"]),
    "engine as engine argument": (["ask", "--engine-arg", "engine=3", "q"], ["'engine=3'", "not an engine argument"]),
    "no such folder": (["ask", "--model", "/no/where", "q"], ["model='/no/where'", "no such folder", "smollm2-135m"]),
    "no model's name": (["ask", "--model", "", "q"], ["model=''", "no such folder", "smollm2-135m"]),
    "no such folder for a run that is kept": (
        ["ask", "--thread", "t", "--model", "./nosuch", "q"],
        ["model='./nosuch'", "no such folder"],
    ),
    "bad hub id": (["ask", "--model", "a--b/c..d", "q"], ["model='a--b/c..d'", "hub id"]),
    "save into nowhere": (["ask", "--save", "/no/where/run.json", "q"], ["--save '/no/where/run.json'", "no folder"]),
    "save under too long a name": (["ask", "--save", "a" * 300, "q"], ["--save 'aaa", "too long"]),
    "save onto a folder": (["ask", "--save", "/", "q"], ["--save '/'", "this is a folder"]),
}


def refusal(stderr: str) -> str:
    """The one line that refuses; what the log has said before, while the graph was loaded, is left out."""
    (line,) = [line for line in stderr.splitlines() if not line.startswith("[")]
    assert line.startswith("peerleap: ")
    return line


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_and_exit_code_2(invoke: Invoke, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))
    arguments, told = REFUSED[case]
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    line = refusal(done.stderr)
    for part in told:
        assert part in line


def test_over_long_question(invoke: Invoke) -> None:
    if not is_prepared():
        pytest.skip("the embedded model is not prepared")
    done = invoke("ask", "why? " * 9000)
    assert done.exit_code == 2, done.output
    line = refusal(done.stderr)
    assert "question: its prompt takes" in line
    assert "ask a shorter question" in line


def test_budget_that_does_not_fit(invoke: Invoke) -> None:
    if not is_prepared():
        pytest.skip("the embedded model is not prepared")
    done = invoke("ask", "--max-tokens", "100000", "What is 2 + 2?")
    assert done.exit_code == 2, done.output
    line = refusal(done.stderr)
    assert "max_tokens=100000" in line
    assert "set max_tokens to at most" in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask"], "question"),
        (["ask", "--paths", "four", "q"], "--paths"),
        (["ask", "--pahts", "4", "q"], "--paths"),
        (["ask", "two", "questions"], "'two questions'"),
        (["ask", "--paths", "four", "q"], "got 'four'"),
        (["models", "all"], "all"),
        (["eval"], "task"),
        (["fork", "x"], "--block"),
        (["fork", "x", "--round", "0"], "give --block 1"),
        (["aks", "q"], "ask"),
    ],
)
def test_what_the_parser_refuses(invoke: Invoke, arguments: list[str], told: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr.lower()
    assert len(done.stderr.splitlines()) == 1


def test_installed_command_refuses_without_vllm(start: Start, tmp_path: Path) -> None:
    # A `vllm` that ends the process where it is imported.
    (tmp_path / "vllm.py").write_text("import os; os._exit(99)")
    arguments, told = REFUSED["no such folder"]
    process = start(*arguments, env={"PYTHONPATH": str(tmp_path)})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    line = refusal(err)
    for part in told:
        assert part in line
