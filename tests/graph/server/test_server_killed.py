"""`kill -9` of the server in the middle of a run: nothing that was thought is lost or thought again."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.slow

QUESTION = {"question": "What is 2 + 2?"}
# A run takes some six seconds, or half a minute.
FAST, SLOW = 60.0, 10.0
# The server writes its list of threads and runs every 10 s.
LISTED_SECONDS = 12.0


def ids(values: Any) -> Any:
    return {
        key: [(segment["kind"], segment["token_ids"]) for segment in history]
        for key, history in values.items()
        if key.startswith("history_")
    }


@pytest.fixture(scope="module")
def undisturbed(shared_server: Any, context: Any) -> Any:
    thread = shared_server.client.threads.create()["thread_id"]
    shared_server.client.runs.wait(thread, "leap", input=QUESTION, context=context)
    return ids(shared_server.client.threads.get_state(thread)["values"])


def run_until_routed(server: Any, thread: str, context: Any, seconds: float) -> None:
    """Start a run; come back in its middle, after a LeaP block and some time."""
    begin = time.monotonic()
    parts = server.client.runs.stream(thread, "leap", input=QUESTION, context=context, stream_mode="custom")
    with closing(parts):
        for part in parts:
            if part.event == "custom" and part.data["type"] == "route" and time.monotonic() - begin > seconds:
                return
    pytest.fail("the run ended too early")


def test_before_the_thread_was_listed(serve: Any, tmp_path: Path, context: Any, undisturbed: Any) -> None:
    thread = str(uuid4())
    server = serve(tmp_path, speed=FAST)
    server.client.threads.create(thread_id=thread)
    run_until_routed(server, thread, context, 0)
    server.kill()

    server = serve(tmp_path, speed=FAST)
    server.client.threads.create(thread_id=thread, graph_id="leap", if_exists="do_nothing")
    begun = ids(server.client.threads.get_state(thread)["values"])
    assert all(len(history) > 2 for history in begun.values())
    runs = server.client.runs.list(thread)
    if not runs:  # else a slow machine gave the server the time to write its list, and the run goes on by itself
        server.client.runs.wait(thread, "leap", input=None)
    for run in runs:
        server.client.runs.join(thread, run["run_id"])
    state = server.client.threads.get_state(thread)
    assert state["next"] == []
    assert ids(state["values"]) == undisturbed
    for key, history in begun.items():
        assert history == undisturbed[key][: len(history)]


def test_after_the_run_was_listed(serve: Any, tmp_path: Path, context: Any, undisturbed: Any) -> None:
    server = serve(tmp_path, speed=SLOW)
    thread = server.client.threads.create()["thread_id"]
    run_until_routed(server, thread, context, LISTED_SECONDS)
    server.kill()

    server = serve(tmp_path, speed=SLOW)
    (run,) = server.client.runs.list(thread)
    server.client.runs.join(thread, run["run_id"])  # it goes on by itself
    state = server.client.threads.get_state(thread)
    assert state["next"] == []
    assert ids(state["values"]) == undisturbed
    history = server.client.threads.get_history(thread, limit=50)
    assert sum(found["metadata"]["source"] == "input" for found in history) == 1, "it was not begun anew"
