"""A real Postgres for the session, where one is installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).resolve().parent if found else next((f for f in folders if (f / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[str, Path]]:
    """Address of a server of our own on a free port, and its data folder."""
    pytest.importorskip("psycopg", reason="pip install 'peerleap[postgres]'")
    pytest.importorskip("langgraph.checkpoint.postgres", reason="pip install 'peerleap[postgres]'")
    programs = _programs()
    if programs is None:
        pytest.skip("Postgres is not installed")
    folder = Path(tempfile.mkdtemp(prefix="peerleap-postgres-"))  # pytest's own folders are closed to other users
    user: list[str] = []
    if os.getuid() == 0:  # Postgres refuses to run as root
        if not shutil.which("runuser"):
            pytest.skip("runuser is not installed, and Postgres does not run as root")
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
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
