"""What a server tells about the graphs before anything is run: the forms of Studio, the tools of MCP."""

from pathlib import Path
from typing import Any, get_args

import pytest

from peerleap.agents import Sampling
from peerleap.graph import RouterName, Settings

PATHS = ["solver_1", "solver_2", "solver_3", "solver_4"]


def schemas(server: Any, graph: str) -> Any:
    (assistant,) = server.client.assistants.search(graph_id=graph)
    return server.client.assistants.get_schemas(assistant["assistant_id"])


def test_graphs_load_as_they_are(plain_server: Any) -> None:
    found = {assistant["name"]: assistant["description"] for assistant in plain_server.client.assistants.search()}
    assert set(found) == {"leap", "leap_answer"}
    assert "leap_answer" in found["leap"], "who reads the tools' descriptions learns which one to call"


@pytest.mark.parametrize("graph", ["leap", "leap_answer"])
def test_every_path_is_a_node(plain_server: Any, graph: str) -> None:
    drawn = plain_server.client.assistants.get_graph(graph)
    assert [node["id"] for node in drawn["nodes"]] == [
        "__start__", "prepare", *PATHS, "leap_block", "vote", "__end__",
    ]  # fmt: skip
    edges = {(edge["source"], edge["target"]) for edge in drawn["edges"]}
    assert {("leap_block", path) for path in PATHS} | {(path, "leap_block") for path in PATHS} <= edges


def test_nothing_heavy_is_loaded(plain_server: Any) -> None:
    plain_server.client.assistants.get_graph("leap")
    maps = Path(f"/proc/{plain_server.process.pid}/maps").read_text()
    assert "libpython" in maps or "python3" in maps
    assert "libtorch" not in maps
    assert "[error" not in plain_server.log


def test_form_of_the_settings(plain_server: Any) -> None:
    form = schemas(plain_server, "leap")["context_schema"]
    fields = form["properties"]
    assert set(fields) == set(Settings.model_fields)
    assert set(form["$defs"]["Sampling"]["properties"]) == set(Sampling.model_fields)
    for name, field in fields.items():
        assert field.get("type") in {"integer", "string", "boolean", "array"} or "$ref" in field, name
        assert len(field["description"]) > 20, name
    assert fields["router"]["enum"] == list(get_args(RouterName))
    assert (fields["top_k"]["minimum"], fields["top_k"]["maximum"]) == (1, 1024)
    assert fields["seed"]["default"] == 0
    assert form.get("required", []) == []


def test_input_and_output(plain_server: Any) -> None:
    whole, answer = schemas(plain_server, "leap"), schemas(plain_server, "leap_answer")
    for found in (whole, answer):
        assert list(found["input_schema"]["properties"]) == ["question", "messages"]
        assert found["input_schema"]["properties"]["question"]["type"] == "string"
    assert {"histories", "rounds", "paths"} <= set(whole["output_schema"]["properties"])
    assert set(answer["output_schema"]["properties"]) == {"answer", "votes", "usage", "messages"}
    assert {f"history_{path}" for path in PATHS} <= set(whole["state_schema"]["properties"])
