"""Runs that somebody else has stored: every command shows or refuses them, and writes nothing of them raw."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peerleap import graph as graph_package
from peerleap.engine import ScriptedEngine
from peerleap.graph import open_checkpointer

Invoke = Callable[..., Result]
SHORT = ("--interval", "40", "--summary-tokens", "64", "--max-tokens", "3000", "--rounds", "1", "--paths", "2")
# OSC 52 writes the clipboard, CSI colours and clears, C1 does so in one character, marks turn the direction.
HOSTILE = "\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x9b31m\x90\u202e\u2066\u200f\x08\r\x00\u2028\ufeff"
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")


def says(prompt: str, params: Any) -> str:
    if "</summarize>" in params.stop:
        return f"I have it {HOSTILE}.</summarize>"
    return f"one {HOSTILE} two. " * 20 if "</comment>" not in prompt else f"It is \\boxed{{4{HOSTILE}}}"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Runs go into a folder of the test, on a scripted model; the arguments that graphs were built with."""
    real, calls = graph_package.build_graph, list[dict[str, Any]]()

    def build(
        model: str | None = None,
        *,
        paths: int | None = None,
        peers: Any = None,
        server: Any = None,
        **engine_args: Any,
    ) -> Any:
        calls.append(engine_args)
        return real(paths=paths, peers=peers, engine=ScriptedEngine(says))

    monkeypatch.setattr(graph_package, "build_graph", build)
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "runs.sqlite"))
    return calls


def doctor(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the recipe of every stored run."""
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        for row, text in connection.execute("SELECT rowid, metadata FROM checkpoints").fetchall():
            metadata = json.loads(text)
            recipe = json.loads(metadata["leap_recipe"])
            change(recipe)
            metadata["leap_recipe"] = json.dumps(recipe)
            connection.execute("UPDATE checkpoints SET metadata = ? WHERE rowid = ?", (json.dumps(metadata), row))


def commands(name: str) -> list[tuple[str, ...]]:
    """Every command that reads stored runs."""
    fork = ("fork", name, "--block", "1")
    return [
        ("runs", "list"), ("runs", "list", "--json"), ("runs", "show", name), ("runs", "show", name, "--json"),
        ("resume", name), ("resume", name, "--json"), (*fork, "--as", "other"), (*fork, "--drop", HOSTILE),
        (*fork, "--set", f"router={HOSTILE}"), ("runs", "show", HOSTILE), ("resume", HOSTILE),
        ("runs", "delete", HOSTILE), ("runs", "show", "other"), ("runs", "delete", name),
    ]  # fmt: skip


def test_no_command_writes_a_runs_text_raw(invoke: Invoke, built: Any) -> None:
    question = f"What is 2 + 2?{HOSTILE}".replace("\x00", "")
    asked = invoke("ask", question, "--thread", "bad", *SHORT)
    assert asked.exit_code == 0, asked.output
    written = [asked.output, *(invoke(*command).output for command in commands("bad"))]
    assert any("I have it" in text for text in written), "summaries are shown"
    for text in written:
        assert not RAW.search(text), RAW.findall(text)


def test_a_recipe_that_loads_code_is_named(invoke: Invoke, built: list[dict[str, Any]], tmp_path: Path) -> None:
    assert invoke("ask", "What is 2 + 2?", "--thread", "bad", *SHORT).exit_code == 0
    doctor(tmp_path, lambda recipe: recipe["engine_args"].update(trust_remote_code=True, dtype="float32"))
    built.clear()
    block = next(command for command in commands("bad") if command[0] == "fork")
    for command in (("resume", "bad"), block):
        refused = invoke(*command)
        assert refused.exit_code == 2
        assert "trust_remote_code" in refused.output
        assert "--engine-arg" in refused.output
    assert built == [], "no graph was made"
    assert invoke("runs", "show", "bad").exit_code == 0
    assert built == [{}]
    assert invoke("resume", "bad", "--engine-arg", "trust_remote_code=false").exit_code == 0
    assert built[-1] == {"trust_remote_code": False, "dtype": "float32"}


def test_one_damaged_run_is_one_line_of_the_list(invoke: Invoke, built: Any, tmp_path: Path) -> None:
    for name in ("bad", "good"):
        assert invoke("ask", "What is 2 + 2?", "--thread", name, *SHORT).exit_code == 0
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = X'C1' WHERE thread_id = 'bad'")
    listed = json.loads(invoke("runs", "list", "--json").stdout)
    assert {run["name"]: run["state"] for run in listed} == {"bad": "damaged", "good": "ended"}
    for command in (("runs", "show", "bad"), ("resume", "bad")):
        refused = invoke(*command)
        assert refused.exit_code == 1
        assert len(refused.output.strip().splitlines()) == 1
        assert "bad" in refused.output
    assert invoke("runs", "delete", "bad").exit_code == 0
    with open_checkpointer() as checkpointer:
        assert checkpointer.threads() == ["good"]
