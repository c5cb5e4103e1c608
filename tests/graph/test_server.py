"""What the server loads, without the server."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from peerleap.agents import TeamError
from peerleap.engine import ScriptedEngine
from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer
from peerleap.graph.server import TEAM_VARIABLE, open_runs, served_graphs

ROOT = Path(__file__).resolve().parents[2]


def test_configuration_names_what_there_is() -> None:
    configuration = json.loads((ROOT / "langgraph.json").read_text())
    for name, graph in configuration["graphs"].items():
        module, _, variable = graph["path"].partition(":")
        assert getattr(import_module(module), variable).name == name
        assert graph["description"]
    module, _, variable = configuration["checkpointer"]["path"].rpartition(".")
    assert getattr(import_module(module), variable) is open_runs


def test_graphs_bring_no_checkpointer() -> None:
    assert [graph.checkpointer for graph in served_graphs()] == [None, None], "the server refuses a graph with one"


def test_team_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "team.toml"
    file.write_text('[[peers]]\nname = "prover"\ncount = 2\n[[peers]]\nname = "sceptic"\n')
    monkeypatch.setenv(TEAM_VARIABLE, str(file))
    for graph in served_graphs():
        assert {"prover_1", "prover_2", "sceptic_1"} <= set(graph.nodes)
    whole, _ = served_graphs(ScriptedEngine(lambda prompt, params: r"\boxed{4}"))
    assert set(whole.invoke({"question": "What is 2 + 2?"})["paths"]) == {"prover_1", "prover_2", "sceptic_1"}


def test_bad_team_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEAM_VARIABLE, "/nowhere/team.toml")
    with pytest.raises(TeamError, match="nowhere"):
        served_graphs()


async def test_runs_are_kept_where_the_command_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEERLEAP_RUNS", str(tmp_path / "kept.sqlite"))
    async with open_runs() as store:
        assert isinstance(store, SqliteCheckpointer)
        assert store.file == tmp_path / "kept.sqlite"
    with pytest.raises(Exception, match="closed"):
        store.threads()
