"""Runs, states, histories and forks through LangGraph's SDK, on the real server."""

from typing import Any

import pytest

from peerleap.graph import open_checkpointer
from tests.graph.server.conftest import Server

PATHS = ["solver_1", "solver_2", "solver_3", "solver_4"]
QUESTION = {"question": "What is 2 + 2?"}


def ids(histories: Any) -> Any:
    return {name: [(s["kind"], s["token_ids"]) for s in history] for name, history in histories.items()}


def in_state(values: Any) -> Any:
    """Histories as a thread's state has them."""
    return {key.removeprefix("history_"): value for key, value in values.items() if key.startswith("history_")}


def before_block(history: Any, number: int) -> Any:
    """The state from which a LeaP block starts."""
    (found,) = (s for s in history if s["next"] == ["leap_block"] and s["values"]["round"] == number)
    return found


@pytest.fixture(scope="module")
def finished(shared_server: Server, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A thread with a finished run, and its output."""
    thread = shared_server.client.threads.create()["thread_id"]
    out: Any = shared_server.client.runs.wait(thread, "leap", input=QUESTION, context=context)
    return thread, out


def test_stream(server: Any, context: Any) -> None:
    thread = server.client.threads.create()["thread_id"]
    parts = [
        *server.client.runs.stream(
            thread, "leap", input=QUESTION, context=context, stream_mode=["updates", "custom", "messages-tuple"]
        )
    ]
    events = [part.data for part in parts if part.event == "custom"]
    assert events[0]["settings"]["interval"] == context["interval"]
    assert {event["path"] for event in events if event["type"] == "tokens"} == set(PATHS)
    assert [event["round"] for event in events if event["type"] == "route"] == [0, 1]
    nodes = [next(iter(part.data)) for part in parts if part.event == "updates"]
    assert (nodes[0], nodes[-1]) == ("prepare", "vote")
    assert set(PATHS) <= set(nodes)
    *chunks, message = (part.data[0] for part in parts if part.event == "messages")
    assert {chunk["type"] for chunk in chunks} == {"AIMessageChunk"}
    assert message["content"] == events[-1]["answer"]
    assert not [part for part in parts if part.event == "error"]


def test_state_shows_every_path(server: Any, finished: tuple[str, dict[str, Any]]) -> None:
    thread, out = finished
    state = server.client.threads.get_state(thread)
    assert state["next"] == []
    assert in_state(state["values"]) == out["histories"]
    assert {path: outcome["status"] for path, outcome in out["paths"].items()} == dict.fromkeys(PATHS, "finished")
    assert state["values"]["answer"] == out["answer"]


def test_history_shows_every_superstep(server: Any, finished: tuple[str, dict[str, Any]]) -> None:
    thread, out = finished
    history = server.client.threads.get_history(thread, limit=50)
    assert [state["next"] for state in reversed(history)] == [
        ["__start__"], ["prepare"], *[PATHS, ["leap_block"]] * 3, ["vote"], [],
    ]  # fmt: skip
    first = next(state for state in reversed(history) if state["next"] == PATHS)
    written = {task["name"]: task["result"][f"history_{task['name']}"] for task in first["tasks"]}
    assert written == {
        path: [segment for segment in out["histories"][path] if (segment["kind"], segment["round"]) == ("thought", 0)]
        for path in PATHS
    }


def test_fork_with_another_setting(server: Any, finished: tuple[str, dict[str, Any]]) -> None:
    thread, out = finished
    before = before_block(server.client.threads.get_history(thread, limit=50), 1)
    changed = {**before["values"]["params"], "router": "clustered", "top_k": 1}
    forked = server.client.threads.update_state(
        thread, {"params": changed}, checkpoint=before["checkpoint"], as_node="solver_1"
    )
    tail = server.client.runs.wait(thread, "leap", input=None, checkpoint=forked["checkpoint"])
    assert tail["rounds"][0] == out["rounds"][0]
    assert {path: len(sources) for path, sources in tail["rounds"][1]["routes"].items()} == dict.fromkeys(PATHS, 1)
    assert {len(sources) for sources in out["rounds"][1]["routes"].values()} == {3}
    shared = in_state(before["values"])
    for path in PATHS:
        assert tail["histories"][path][: len(shared[path])] == shared[path]
    assert ids(tail["histories"]) != ids(out["histories"])


def test_replay_gives_the_same_tokens(server: Any, finished: tuple[str, dict[str, Any]]) -> None:
    thread, out = finished
    history = server.client.threads.get_history(thread, limit=50)
    oldest = [state for state in history if state["next"] == ["leap_block"] and state["values"]["round"] == 0][-1]
    again = server.client.runs.wait(thread, "leap", input=None, checkpoint=oldest["checkpoint"])
    assert ids(again["histories"]) == ids(out["histories"])


def test_copied_and_deleted_threads(server: Any, context: Any) -> None:
    thread = server.client.threads.create()["thread_id"]
    out = server.client.runs.wait(thread, "leap", input=QUESTION, context=context)
    copied = server.client.threads.copy(thread)["thread_id"]
    server.client.threads.delete(thread)
    assert in_state(server.client.threads.get_state(copied)["values"]) == out["histories"]
    with open_checkpointer(server.folder / "runs.sqlite") as store:
        assert copied in store.threads()
        assert thread not in store.threads()


def test_settings_of_an_assistant(server: Any, context: Any) -> None:
    assistant = server.client.assistants.create("leap", context={**context, "rounds": 1}, name="one round")
    try:
        out = server.client.runs.wait(None, assistant["assistant_id"], input=QUESTION)
    finally:
        server.client.assistants.delete(assistant["assistant_id"])
    assert len(out["rounds"]) == 1


def test_a_person_as_a_peer(server: Any, context: Any) -> None:
    thread = server.client.threads.create()["thread_id"]
    settings = {**context, "rounds": 1, "human_peer": True}
    server.client.runs.wait(thread, "leap", input=QUESTION, context=settings)
    state = server.client.threads.get_state(thread)
    assert state["next"] == ["leap_block"]
    assert state["tasks"][0]["interrupts"]
    out = server.client.runs.wait(thread, "leap", command={"resume": "Count again."})
    assert "person" in out["rounds"][0]["routes"]["solver_1"]
    assert any("Count again." in segment["text"] for segment in out["histories"]["solver_1"])


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ({"qestion": "x"}, {}, "did you mean 'question'"),
        ({"question": " "}, {}, "give a text that is not empty"),
        (QUESTION, {"router": "best"}, "router='best'"),
        (QUESTION, {"sampling": {"temperature": 3}}, "sampling.temperature=3"),
    ],
)
def test_bad_calls_are_told(server: Any, given: Any, settings: Any, message: str) -> None:
    thread = server.client.threads.create()["thread_id"]
    with pytest.raises(Exception, match="Error: ") as told:
        server.client.runs.wait(thread, "leap", input=given, context=settings)
    assert message in str(told.value)
    assert server.client.threads.get_history(thread) == [], "a bad call leaves no trace on the thread"


def test_a_thread_goes_on_after_a_bad_call(server: Any, context: Any) -> None:
    thread = server.client.threads.create()["thread_id"]
    with pytest.raises(Exception, match="router='best'"):
        server.client.runs.wait(thread, "leap", input=QUESTION, context={"router": "best"})
    out = server.client.runs.wait(thread, "leap", input=QUESTION, context=context)
    assert out["answer"] in {"0", "1"}
