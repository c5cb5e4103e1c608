"""Runs that are kept: ask, stop, resume, list, show, fork, delete."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peerleap import graph as graph_package
from peerleap.engine import ScriptedEngine
from peerleap.graph import CheckpointError
from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer

Invoke = Callable[..., Result]
SHORT = ("--interval", "40", "--summary-tokens", "64", "--max-tokens", "3000", "--rounds", "2", "--paths", "3")


def says(prompt: str, params: Any) -> str:
    if "</summarize>" in params.stop:
        return "2 + 2 makes 4.</summarize>"
    if "person" in prompt:
        return "It is \\boxed{5}"
    return "one, two, three. " * 20 if prompt.count("</comment>") < 3 else "It is \\boxed{4}"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Runs go into a folder of the test, on a scripted model; the arguments that graphs were built with."""
    real, built = graph_package.build_graph, list[dict[str, Any]]()

    def build(model: str | None = None, *, paths: int | None = None, peers: Any = None, **engine_args: Any) -> Any:
        built.append({"model": model, "paths": paths, **engine_args, **({"peers": peers} if peers else {})})
        return real(paths=paths, peers=peers, engine=ScriptedEngine(says))

    monkeypatch.setattr(graph_package, "build_graph", build)
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))
    return built


def test_a_run_is_kept_and_found_again(invoke: Invoke, kept: Any) -> None:
    asked = invoke("ask", "What is 2 + 2?", "--thread", "sum", "--engine-arg", "dtype=float32", "--json", *SHORT)
    assert asked.exit_code == 0, asked.output
    out = json.loads(asked.stdout)
    assert out["answer"] == "4"
    listed = json.loads(invoke("runs", "list", "--json").stdout)
    assert [(run["name"], run["state"], run["answer"], run["paths"]) for run in listed] == [("sum", "ended", "4", 3)]
    assert "sum" in invoke("runs", "list").output
    shown = json.loads(invoke("runs", "show", "sum", "--json").stdout)
    assert shown["rounds"] == out["rounds"]
    assert list(shown["histories"]) == ["solver_1", "solver_2", "solver_3"]
    shown = invoke("runs", "show", "sum").output
    assert "LeaP block 1:" in shown
    assert "round" not in shown
    again = json.loads(invoke("resume", "sum", "--json").stdout)
    assert {key: again[key] for key in ("answer", "votes", "rounds", "usage")} == {
        key: out[key] for key in ("answer", "votes", "rounds", "usage")
    }
    shown_with = [{key: value for key, value in kept[-1].items() if key != "dtype"}] * 2
    assert kept[1:] == [*shown_with, kept[-1]], "no engine starts to show a run"
    assert kept[0] == kept[-1]
    assert kept[-1]["dtype"] == "float32"
    assert invoke("runs", "delete", "sum").exit_code == 0
    assert json.loads(invoke("runs", "list", "--json").stdout) == []


@pytest.mark.parametrize(("step", "last"), [(3, "leap_block"), (8, "vote")])
def test_a_run_that_died_as_a_step_ended_goes_on(
    invoke: Invoke, kept: Any, monkeypatch: pytest.MonkeyPatch, step: int, last: str
) -> None:
    """All results of the step are stored, the step is not: LangGraph's `next` is empty there."""
    put = SqliteCheckpointer.put

    def die(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == step:
            raise CheckpointError("the disk is full")
        return put(self, config, checkpoint, metadata, new_versions)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteCheckpointer, "put", die)
        asked = invoke("ask", "What is 2 + 2?", "--thread", "sum", *SHORT)
        assert "the disk is full" in asked.output
    assert f"stopped before {last}; continue with: peerleap resume sum" in invoke("runs", "show", "sum").output
    resumed = invoke("resume", "sum", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["answer"] == "4"


def test_a_fork_runs_the_tail_and_says_what_changed(invoke: Invoke, kept: Any) -> None:
    invoke("ask", "What is 2 + 2?", "--thread", "sum", *SHORT)
    done = invoke(
        "fork", "sum", "--block", "2", "--set", "router=random", "--set", "top_k=2", "--hint", "Try 5.", "--json"
    )
    assert done.exit_code == 0, done.output
    out = json.loads(done.stdout)
    assert out["thread"] == "sum-2"
    assert out["settings"]["router"] == "random"
    assert out["compared"]["answer"] == ["4", "5"]
    done = invoke("fork", "sum", "--block", "1", "--drop", "solver_2", "--edit", "solver_1=I am a person.", "--as", "b")
    assert done.exit_code == 0, done.output
    assert "now '5'" in done.output
    assert invoke("resume", "b").exit_code == 0  # forks carry the recipe
    assert [run["name"] for run in json.loads(invoke("runs", "list", "--json").stdout)] == ["b", "sum-2", "sum"]


def test_the_list_counts_blocks_and_names_the_run_that_a_fork_comes_from(invoke: Invoke, kept: Any) -> None:
    out = json.loads(invoke("ask", "What is 2 + 2?", "--thread", "sum", "--json", *SHORT).stdout)
    invoke("fork", "sum", "--block", "1", "--set", "top_k=1", "--as", "one")
    invoke("fork", "one", "--block", "2", "--as", "two")
    assert invoke("resume", "two").exit_code == 0
    listed = json.loads(invoke("runs", "list", "--json").stdout)
    assert [(run["name"], run["blocks"], run["forked_from"]) for run in listed] == [
        ("two", 2, "one"), ("one", 2, "sum"), ("sum", len(out["rounds"]), None),
    ]  # fmt: skip


_TEAM = """
[[peers]]
name = "solver"
count = 2
[[peers]]
name = "sceptic"
instructions = "You doubt."
sampling = { temperature = 0.2 }
tools = ["python"]
limits = { calls = 2 }
"""


def test_a_run_keeps_its_team(invoke: Invoke, kept: Any, tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text(_TEAM)
    settings = SHORT[: SHORT.index("--paths")]
    asked = invoke("ask", "What is 2 + 2?", "--thread", "sum", "--team", str(file), "--json", *settings)
    assert asked.exit_code == 0, asked.output
    file.unlink()
    assert invoke("resume", "sum", "--json").exit_code == 0
    done = invoke("fork", "sum", "--block", "1", "--drop", "sceptic_1", "--json")
    assert done.exit_code == 0, done.output
    assert list(json.loads(done.stdout)["paths"]) == ["solver_1", "solver_2"]
    assert len(kept) == 3
    for built in kept:
        solver, sceptic = built["peers"]
        assert (solver.name, solver.count, sceptic.name, sceptic.instructions) == ("solver", 2, "sceptic", "You doubt.")
        assert (sceptic.sampling.temperature, sceptic.limits.calls) == (0.2, 2)
        assert [tool.name for tool in sceptic.tools] == ["python"]


def test_a_team_of_which_a_peer_is_gone(invoke: Invoke, kept: Any, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    file = tmp_path / "team.toml"
    file.write_text(f'[[peers]]\nname = "solver"\nmodel = "{model}"\n')
    settings = SHORT[: SHORT.index("--paths")]
    assert invoke("ask", "What is 2 + 2?", "--thread", "sum", "--team", str(file), *settings).exit_code == 0
    model.rmdir()
    done = invoke("resume", "sum")
    assert done.exit_code == 2
    assert "peer 'solver': the folder of its model is gone" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask", "x", "--thread", "new", "--team", "nobody.toml"], "nobody.toml"),
        (["ask", "x", "--thread", "new", "--team", "paper", "--paths", "3"], "--paths 3"),
        (["resume", "none"], "'none': no run of this name is stored"),
        (["runs", "show", "none"], "'none': no run of this name is stored"),
        (["runs", "delete", "sum", "none"], "'none': no run of this name is stored"),
        (["ask", "x", "--thread", "sum"], "peerleap resume sum"),
        (["ask", "x", "--thread", " "], "--thread ' '"),
        (["fork", "sum", "--block", "10"], "--block 10: 'sum' has 2 LeaP blocks; give 1 to 2"),
        (["fork", "sum", "--block", "1", "--set", "router"], "--set 'router'"),
        (["fork", "sum", "--block", "1", "--set", "router=best"], "router='best'"),
        (["fork", "sum", "--block", "1", "--drop", "solver_7"], "solver_7"),
    ],
)
def test_what_cannot_be_done_costs_one_line(invoke: Invoke, kept: Any, arguments: Any, told: str) -> None:
    invoke("ask", "What is 2 + 2?", "--thread", "sum", *SHORT)
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert len([line for line in done.stderr.splitlines() if not line.startswith("[")]) == 1
    assert len(json.loads(invoke("runs", "list", "--json").stdout)) == 1


def test_a_store_that_cannot_be_opened(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "file" / "runs.sqlite"))
    done = invoke("runs", "list")
    assert done.exit_code == 1
    assert "PEERLEAP_RUNS" in done.stderr


@pytest.mark.parametrize("command", [["runs", "list"], ["runs", "show"], ["runs", "delete"], ["resume"], ["fork"]])
def test_help_teaches_by_example(invoke: Invoke, command: list[str]) -> None:
    shown = invoke(*command, "--help", terminal_width=140)
    assert shown.exit_code == 0
    assert f"peerleap {' '.join(command)}" in shown.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_the_run_resumes(start: Any, tmp_path: Path, number: signal.Signals) -> None:
    env = {"PEERLEAP_RUNS": str(tmp_path / "runs.sqlite")}
    process = start("ask", "What is 2 + 2?", "--thread", "long sum", "--interval", "60", "--paths", "2",
                    "--max-tokens", "2000", scripted=50, env=env)  # fmt: skip
    seen = ""
    while "thinking" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopping at the end of this round" in err
    assert err.splitlines()[-1] == "peerleap: stopped; continue with: peerleap resume 'long sum'"
    resumed = start("resume", "long sum", "--json", scripted=5000, env=env)
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0, err
    assert {path["status"] for path in json.loads(out)["paths"].values()} <= {"finished", "forced"}


def test_the_second_signal_stops_at_once(start: Any, tmp_path: Path) -> None:
    env = {"PEERLEAP_RUNS": str(tmp_path / "runs.sqlite")}
    process = start("ask", "What is 2 + 2?", "--thread", "a", "--paths", "2", scripted=1, env=env)
    while "starting the engine" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 15
    assert "peerleap resume a" in err
