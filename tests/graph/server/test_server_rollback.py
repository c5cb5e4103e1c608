"""A run that is rolled back, or deleted: the thread is as it was before."""

from pathlib import Path
from typing import Any

import pytest

from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer

pytestmark = pytest.mark.slow

QUESTION, OTHER = {"question": "What is 2 + 2?"}, {"question": "What is 3 + 4?"}
# A run takes some six seconds.
SPEED = 60.0


def stored(server: Any) -> dict[str, int]:
    """How many rows each table of the server's runs has."""
    store = SqliteCheckpointer.open(server.folder / "runs.sqlite")
    with store, store.cursor() as cursor:
        return {
            table: cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("checkpoints", "writes", "leap_notes")
        }


def roll_back(server: Any, thread: str) -> None:
    """Wait for the thread's running run to be rolled back."""
    (run,) = (run for run in server.client.runs.list(thread) if run["status"] in {"pending", "running"})
    server.client.runs.cancel(thread, run["run_id"], action="rollback", wait=True)
    assert run["run_id"] not in {found["run_id"] for found in server.client.runs.list(thread)}


def test_rollback(serve: Any, tmp_path: Path, context: Any) -> None:
    server = serve(tmp_path, speed=SPEED)
    fresh = server.client.threads.create()["thread_id"]
    server.run_until_routed(fresh, OTHER, context)
    assert stored(server)["checkpoints"] > 3
    roll_back(server, fresh)
    assert set(stored(server).values()) == {0}
    assert server.client.threads.get_state(fresh)["values"] == {}
    assert server.client.threads.get_history(fresh) == []

    server.client.runs.wait(fresh, "leap", input=QUESTION, context={**context, "rounds": 0})
    written, history, rows = server.written(fresh), server.client.threads.get_history(fresh, limit=50), stored(server)
    server.run_until_routed(fresh, OTHER, context)
    assert server.client.threads.get_state(fresh)["values"]["problem"] == OTHER["question"]
    roll_back(server, fresh)
    assert server.written(fresh) == written
    assert server.client.threads.get_history(fresh, limit=50) == history
    assert (stored(server)["checkpoints"], stored(server)["leap_notes"]) == (rows["checkpoints"], 0)

    (run,) = server.client.runs.list(fresh)
    server.client.runs.delete(fresh, run["run_id"])
    assert server.client.threads.get_history(fresh) == []
    assert "Custom checkpointer missing" not in server.log
    assert "[error" not in server.log
