"""`kill -9` of the server in the middle of a run: nothing that was thought is lost or thought again."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.graph.server.conftest import Server, Written

pytestmark = pytest.mark.slow

QUESTION = {"question": "What is 2 + 2?"}
# A run takes some six seconds, or half a minute.
FAST, SLOW = 60.0, 10.0
# The server writes its list of threads and runs every 10 s.
LISTED_SECONDS = 12.0


@pytest.fixture(scope="module")
def undisturbed(shared_server: Server, context: dict[str, Any]) -> Written:
    thread = shared_server.client.threads.create()["thread_id"]
    shared_server.client.runs.wait(thread, "leap", input=QUESTION, context=context)
    return shared_server.written(thread)


def test_before_the_thread_was_listed(serve: Any, restart: Any, tmp_path: Path, context: Any, undisturbed: Any) -> None:
    thread = str(uuid4())
    server = serve(tmp_path, speed=FAST)
    server.client.threads.create(thread_id=thread)
    server.run_until_routed(thread, QUESTION, context)
    server, begun = restart(server, thread, speed=FAST)
    server.go_on(thread)
    assert server.client.threads.get_state(thread)["next"] == []
    assert server.written(thread) == undisturbed
    for key, history in begun.items():
        assert history == undisturbed[key][: len(history)]


def test_after_the_run_was_listed(serve: Any, tmp_path: Path, context: Any, undisturbed: Any) -> None:
    server = serve(tmp_path, speed=SLOW)
    thread = server.client.threads.create()["thread_id"]
    server.run_until_routed(thread, QUESTION, context, LISTED_SECONDS)
    server.kill()

    server = serve(tmp_path, speed=SLOW)
    (run,) = server.client.runs.list(thread)
    server.client.runs.join(thread, run["run_id"])  # it goes on by itself
    assert server.client.threads.get_state(thread)["next"] == []
    assert server.written(thread) == undisturbed
    history = server.client.threads.get_history(thread, limit=50)
    assert sum(found["metadata"]["source"] == "input" for found in history) == 1, "it was not begun anew"
