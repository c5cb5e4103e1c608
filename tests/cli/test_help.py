"""The help teaches by example."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from peerleap.cli.main import app
from peerleap.graph import RouterName
from tests.imports import loaded

Invoke = Callable[..., Any]


def test_the_command_names_its_commands(invoke: Invoke) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        shown = invoke(*arguments).output
        assert "ask" in shown
        assert "models" in shown


@pytest.mark.parametrize(
    "option",
    [
        "--model",
        "--paths",
        "--interval",
        "--top-k",
        "--router",
        "--rounds",
        "--max-tokens",
        "--seed",
        "--json",
        "--save",
    ],
)
def test_ask_documents_its_options(invoke: Invoke, option: str) -> None:
    done = invoke("ask", "--help", terminal_width=140)
    assert done.exit_code == 0
    assert option in done.output


def test_examples_can_be_pasted(invoke: Invoke) -> None:
    """Each example stands on one line of its own, and its options exist."""
    shown = invoke("ask", "--help", terminal_width=140).output
    examples = [line.strip(" │") for line in shown.splitlines() if line.strip(" │").startswith("peerleap ask")]
    assert len(examples) >= 4
    options = {word for line in examples for word in line.split() if word.startswith("--")}
    assert options >= {"--model", "--paths", "--router", "--json"}
    for option in options:
        assert shown.count(option) >= 2, f"{option} is not documented"


def test_models_explains_itself(invoke: Invoke) -> None:
    assert "--prepare" in invoke("models", "--help", terminal_width=140).output


def test_installed_command_helps_without_loading_the_graph() -> None:
    command = Path(sys.executable).with_name("peerleap")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "LeaP" in done.stdout
    assert done.stderr == ""
    assert not {"langgraph", "transformers", "vllm"} & loaded("peerleap.cli.main")


@pytest.mark.parametrize("name", ["ask", "eval", "train"])
def test_every_router_is_offered(name: str) -> None:
    commands: Any = typer.main.get_command(app)
    command = commands.commands[name]
    command = command.commands["synthesize"] if name == "train" else command
    (router,) = (param for param in command.params if param.name == "router")
    assert set(re.findall(r"\w+", router.help)) >= set(get_args(RouterName))
    offered = router.shell_complete(typer.Context(command), "")
    assert [item.value for item in offered] == list(get_args(RouterName))
