"""`--html`: a run as one file, of what was just asked, of what is stored, of a fork beside its original."""

import json
import re
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


@pytest.fixture(autouse=True)
def stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs go into a folder of the test, on a scripted model."""
    real = graph_package.build_graph

    def build(model: str | None = None, *, paths: int | None = None, peers: Any = None, **engine_args: Any) -> Any:
        return real(paths=paths, peers=peers, engine=ScriptedEngine(says))

    monkeypatch.setattr(graph_package, "build_graph", build)
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))


def head(file: Path) -> Any:
    found = re.search(r'id="head">([^<]*)</script>', file.read_text())
    assert found
    return json.loads(found[1])


def test_what_was_asked_is_written_and_answered(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "sum.html"
    asked = invoke("ask", "What is 2 + 2?", "--html", str(file), "--json", *SHORT)
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["answer"] == "4"
    run = head(file)["run"]
    assert (run["question"], run["state"], len(run["paths"]), len(run["blocks"])) == ("What is 2 + 2?", "ended", 3, 2)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".sqlite"] == ["sum.html"], "nothing beside it"


def test_a_stored_run_and_its_forks_stand_beside_each_other(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "sum.html"
    assert invoke("ask", "What is 2 + 2?", "--thread", "sum", "--html", str(file), *SHORT).exit_code == 0
    assert head(file)["run"]["name"] == "sum"
    assert invoke("fork", "sum", "--block", "2", "--hint", "Try 5, says a person.", "--as", "hinted").exit_code == 0
    shown = invoke("runs", "show", "sum", "--html", str(file))
    assert "beside 'hinted'" in shown.output
    (other,) = head(file)["others"]
    assert (other["relation"], other["block"], other["run"]["name"]) == ("fork", 2, "hinted")
    assert other["run"]["blocks"][1]["hint"] == "Try 5, says a person."
    assert invoke("runs", "show", "hinted", "--html", str(file)).exit_code == 0
    page = head(file)
    assert (page["run"]["name"], page["others"][0]["relation"], page["others"][0]["run"]["name"]) == (
        "hinted", "original", "sum",
    )  # fmt: skip
    assert invoke("runs", "delete", "sum").exit_code == 0
    assert invoke("runs", "show", "hinted", "--html", str(file)).exit_code == 0, "its original is gone"
    assert head(file)["others"] == []


def test_a_run_that_was_stopped_shows_how_far_it_is(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = SqliteCheckpointer.put

    def die(self: Any, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == 3:  # what the first block has written is stored, its step is not
            raise CheckpointError("the disk is full")
        return put(self, config, checkpoint, metadata, new_versions)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteCheckpointer, "put", die)
        assert "the disk is full" in invoke("ask", "What is 2 + 2?", "--thread", "sum", *SHORT).output
    file = tmp_path / "sum.html"
    assert invoke("runs", "show", "sum", "--html", str(file)).exit_code == 0
    run = head(file)["run"]
    assert (run["state"], run["next"], run["answer"], run["votes"]) == ("stopped", ["leap_block"], None, [])
    assert [path["status"] for path in run["paths"]] == ["active"] * 3
    assert len(run["blocks"]) == 1
    assert run["paths"][0]["segments"][-1]["kind"] == "comment"


@pytest.mark.parametrize("command", [("ask", "What is 2 + 2?"), ("runs", "show", "sum")])
def test_a_target_that_cannot_be_a_file_is_refused_at_once(
    invoke: Invoke, tmp_path: Path, command: tuple[str, ...]
) -> None:
    for target, reason in ((tmp_path, "this is a folder"), ("/dev/null", "this is a device"),
                           (tmp_path / "gone" / "x.html", "there is no folder")):  # fmt: skip
        refused = invoke(*command, "--html", str(target))
        assert refused.exit_code == 2
        assert refused.output.startswith(f"peerleap: --html {str(target)!r}: {reason}")
        assert len(refused.output.strip().splitlines()) == 1


def test_a_run_that_nobody_has_stored_writes_nothing(invoke: Invoke, tmp_path: Path) -> None:
    refused = invoke("runs", "show", "sum", "--html", str(tmp_path / "sum.html"))
    assert refused.exit_code == 2
    assert not (tmp_path / "sum.html").exists()
