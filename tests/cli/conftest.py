"""The command line, in this process where no terminal and no signal matters, else as a process."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

Start = Callable[..., "subprocess.Popen[str]"]

# The command with a scripted model: a path counts aloud, 100 tokens a second unless told otherwise.
_SCRIPTED = """
import sys
from peerleap import graph
from peerleap.engine import ScriptedEngine
real = graph.build_graph
speed = float(sys.argv.pop(1))
def build(model=None, *, paths=None, peers=None, **engine_args):
    text = "one, two, three. " * 8 + r"So it is \\boxed{é4}"
    return real(paths=paths, engine=ScriptedEngine(lambda prompt, params: text, tokens_per_second=speed))
graph.build_graph = build
from peerleap.cli.main import app
app()
"""


@pytest.fixture
def start(child_env: dict[str, str]) -> Iterator[Start]:
    """Start the real command in a process group of its own, as a shell does."""
    started = list["subprocess.Popen[str]"]()

    def run(
        *arguments: str, scripted: float | None = None, env: dict[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        command = [str(Path(sys.executable).with_name("peerleap"))]
        if scripted is not None:
            command = [sys.executable, "-c", _SCRIPTED, str(scripted)]
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**child_env, **(env or {})},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of what studies found out; the user's own is left alone."""
    monkeypatch.setattr("peerleap.cli.listening_notes.file", lambda: tmp_path / "cache" / "listening.json")
    return tmp_path / "cache" / "listening.json"


Invoke = Callable[..., Any]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run the command in this process: fast, for what depends on no terminal and no signal."""
    from peerleap.cli.main import app

    def run(*arguments: str, charset: str = "utf-8", **named: Any) -> Any:
        done = CliRunner(charset=charset).invoke(app, list(arguments), **named)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    monkeypatch.delenv("PEERLEAP_MODEL", raising=False)
    monkeypatch.delenv("PEERLEAP_SERVER", raising=False)
    return run


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs that the command builds in this process have a scripted model: a path counts aloud and answers é4."""
    from peerleap import graph
    from peerleap.engine import ScriptedEngine

    real = graph.build_graph

    def build(model: str | None = None, *, paths: int | None = None, peers: Any = None, **engine_args: Any) -> Any:
        text = "one, two, three. " * 8 + r"So it is \boxed{é4}"
        return real(paths=paths, engine=ScriptedEngine(lambda _prompt, _params: text))

    monkeypatch.setattr(graph, "build_graph", build)
