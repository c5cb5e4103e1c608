"""What is said of a kept run, wherever its process died."""

import itertools
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.graph import CheckpointError, fork, open_checkpointer, read_run
from peerleap.graph.runs.run import count_blocks, unfinished_nodes

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


class PowerCut(BaseException):
    """Nothing may take this for a failed path."""


class CutSaver(InMemorySaver):
    """Dies when all of a superstep's results are stored, and the step that they end is not."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step: int | None = step

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == self.step:
            self.step = None
            raise PowerCut
        return super().put(config, checkpoint, metadata, new_versions)


def test_a_run_has_not_ended_until_its_last_step_is_stored(team: Any, block_then: Any, small: Any) -> None:
    expected = team(block_then("\\boxed{4}"), paths=2).graph.compile().invoke(QUESTION, context=small)
    before = []
    for step in itertools.count(1):
        graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=CutSaver(step))
        try:
            graph.invoke(QUESTION, CONFIG, context=small)
        except PowerCut:
            waiting = unfinished_nodes(graph.get_state(CONFIG))
        else:
            break
        before.append(waiting)
        if step > 1:  # the first node opens the histories
            run = read_run(graph, CONFIG)
            assert (run["state"], run["next"]) == ("stopped", waiting)
            assert "answer" not in run
        out = graph.invoke(None, CONFIG)
        assert [out[key] for key in ("answer", "votes", "rounds")] == [
            expected[key] for key in ("answer", "votes", "rounds")
        ]
        assert read_run(graph, CONFIG)["state"] == "ended"
    paths = ["solver_1", "solver_2"]
    assert before == [["prepare"], paths, ["leap_block"], paths, ["leap_block"], ["vote"]]


def test_notes_that_cannot_be_kept_stop_the_run_and_fail_no_path(
    team: Any, block_then: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    made = team(block_then("\\boxed{4}"), paths=2)
    with open_checkpointer(tmp_path / "runs.sqlite") as store:
        graph = made.graph.compile(checkpointer=store)
        with monkeypatch.context() as patch:
            patch.setattr(store, "note", fail)
            with pytest.raises(CheckpointError, match="can't start new thread"):
                graph.invoke(QUESTION, CONFIG, context=small)
        out = graph.invoke(None, CONFIG)
    assert {path["status"] for path in out["paths"].values()} == {"finished"}


def test_notes_are_dropped_when_their_round_is_stored(
    team: Any, block_then: Any, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the caller does not wait for the store."""
    steps = []
    with open_checkpointer(tmp_path / "runs.sqlite") as store, sqlite3.connect(tmp_path / "runs.sqlite") as beside:
        drop, put = store.drop_notes, store.put

        def dropping(*args: Any) -> None:
            last = "SELECT max(json_extract(CAST(metadata AS TEXT), '$.step')) FROM checkpoints"
            steps.append(beside.execute(last).fetchone()[0])
            drop(*args)

        def slowly(*args: Any) -> Any:
            time.sleep(0.05)
            return put(*args)

        monkeypatch.setattr(store, "drop_notes", dropping)
        monkeypatch.setattr(store, "put", slowly)
        graph = team(block_then("\\boxed{4}"), paths=2).graph.compile(checkpointer=store)
        graph.invoke(QUESTION, CONFIG, context=small, durability="async")
    # The input is stored as -1 and read at 0, step 1 opens the histories, and each round takes two.
    assert steps == [2, 4]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
def test_blocks_are_counted_without_reading_the_run(
    request: pytest.FixtureRequest, team: Any, block_then: Any, small: Any, tmp_path: Path, kind: str
) -> None:
    with ExitStack() as opened:
        if kind == "memory":
            saver: Any = InMemorySaver()
        else:
            where = tmp_path / "runs.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres")
            saver = opened.enter_context(open_checkpointer(where))
        graph = team(block_then("\\boxed{4}"), paths=3).graph.compile(checkpointer=saver)
        graph.invoke(QUESTION, CONFIG, context=small)
        forked = fork(graph, CONFIG, round=0, settings={"rounds": 1})
        graph.invoke(QUESTION, CONFIG, context={**small, "rounds": 0})
        for state in (*graph.get_state_history(CONFIG), graph.get_state(forked)):
            blocks = len(state.values.get("rounds", ()))
            assert count_blocks(saver, saver.get_tuple(state.config)) == blocks
            if "params" in state.values:
                assert read_run(graph, state.config)["round"] == blocks
