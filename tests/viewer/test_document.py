"""A run as plain data: who held which answer when, what reading did, where an answer came from."""

import json
from typing import Any

import pytest

from peerleap.cli.display.board import Board
from peerleap.viewer import HeldAnswers, replay, run_document
from peerleap.viewer.document import novelty
from peerleap.viewer.held import ClosedBlock
from peerleap.viewer.segments import segment_rows
from peerleap.viewer.spread import Answers, effect
from tests.viewer.scripted import QUESTION, team_run, wrong_answer_spreads


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return team_run(wrong_answer_spreads)


@pytest.fixture(scope="module")
def rows(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(run_document(run), allow_nan=False))["run"]
    return found


def held(rows: dict[str, Any]) -> dict[str, list[str | None]]:
    texts = [row["answer"] for row in rows["answers"]]
    return {path["name"]: [None if n is None else texts[n] for n in path["held"]] for path in rows["paths"]}


def test_the_matrix_has_the_answer_of_every_path_at_every_block_and_at_the_end(rows: dict[str, Any]) -> None:
    assert held(rows) == {
        "solver_1": ["100", "110", "110"],
        "solver_2": [None, "100", "100"],
        "solver_3": ["110", "110", "110"],
    }
    assert rows["answers"][rows["answer"]]["answer"] == "110"
    assert {rows["answers"][vote["answer"]]["answer"]: vote["votes"] for vote in rows["votes"]} == {"110": 2, "100": 1}


def test_the_spread_names_the_path_that_began_it(rows: dict[str, Any]) -> None:
    (wrong,) = [row for row in rows["answers"] if row["answer"] == "110"]
    assert wrong["first"] == {"column": 0, "paths": ["solver_3"]}
    assert (wrong["counts"], wrong["taken_up"], wrong["from"]) == ([1, 2, 2], 1, {"solver_3": 1})


def test_changes_and_effects_say_what_reading_did(rows: dict[str, Any]) -> None:
    change = next(change for change in rows["changes"] if change["path"] == "solver_1")
    texts = [row["answer"] for row in rows["answers"]]
    assert (texts[change["before"]], texts[change["after"]], change["block"]) == ("100", "110", 1)
    assert change["sources"] == ["solver_3"]
    first, second = rows["blocks"]
    assert (first["effects"]["solver_1"], second["effects"]["solver_2"]) == ("influenced", "unaffected")
    assert second["effects"]["solver_3"] in {"consistent", "unaffected"}


def test_the_live_view_and_the_page_hold_the_same_answers(run: dict[str, Any]) -> None:
    board = Board(QUESTION)
    board.restore(run)
    mine = replay(run, "math")
    assert [block.held for block in mine.blocks] == [block.held for block in board.blocks]
    assert mine.changes[: len(board.changes)] == board.changes


def test_segments_know_their_part_of_the_round(rows: dict[str, Any], run: dict[str, Any]) -> None:
    path, history = rows["paths"][0], run["histories"]["solver_1"]
    assert [segment["kind"] for segment in path["segments"]] == [segment["kind"] for segment in history]
    assert {"trigger", "summary", "comment"} <= {s["kind"] for s in path["segments"] if s["block"]}
    assert {"prompt", "thought"} == {s["kind"] for s in path["segments"] if not s["block"]}
    assert all(s["seconds"] is not None for s in path["segments"])
    assert all(s["tokens"] == len(s["token_ids"]) for s in path["segments"])


def test_older_runs_have_no_times() -> None:
    (row,) = segment_rows([{"kind": "thought", "round": 0, "token_ids": [1, 2], "text": "ab"}])
    assert (row["seconds"], row["tokens"], row["text"]) == (None, 2, "ab")


def test_a_run_that_is_not_over_shows_what_is_there(run: dict[str, Any]) -> None:
    going = {
        "question": QUESTION, "task": "math", "settings": {}, "state": "stopped", "next": ["solver_2"], "round": 1,
        "status": {"solver_1": "active", "solver_2": "active", "solver_3": "finished"}, "rounds": run["rounds"][:1],
        "histories": {name: [s for s in history if s["round"] == 0] for name, history in run["histories"].items()},
    }  # fmt: skip
    rows = run_document(going, name="sum")["run"]
    assert (rows["state"], rows["next"], rows["votes"], rows["answer"]) == ("stopped", ["solver_2"], [], None)
    assert held(rows)["solver_1"] == ["100", "100"]
    assert [path["status"] for path in rows["paths"]] == ["active", "active", "finished"]
    assert rows["usage"]["generated"] > 0


def test_a_path_that_has_ended_keeps_its_answer_and_reads_nothing() -> None:
    def say(path: int, number: int) -> str | None:
        return {1: "100", 2: ["99", "100"][min(number, 1)]}[path]

    run = team_run(say, paths=2, rounds=3, interval=2000)  # both end before the first block
    rows = run_document(run)["run"]
    assert rows["blocks"] == []
    assert [path["status"] for path in rows["paths"]] == ["finished"] * 2


def test_the_gold_answer_is_numbered_also_where_nobody_has_it(run: dict[str, Any]) -> None:
    rows = run_document(run, gold="42")["run"]
    assert rows["answers"][rows["gold"]] == {
        "answer": "42", "counts": [0, 0, 0], "first": None, "taken_up": 0, "from": {},
    }  # fmt: skip
    rows = run_document(run, gold="100.0")["run"]
    assert rows["answers"][rows["gold"]]["counts"][-1] == 1, "spellings of one answer are one"


def block(routes: list[str], **answers: str) -> ClosedBlock:
    return ClosedBlock(1, answers, {"me": routes})


@pytest.mark.parametrize(
    ("before", "after", "read", "found"),
    [
        ("4", "4", ["a"], "consistent"), ("4", "4", ["b", "c", "a"], "unaffected"), ("4", "5", ["b"], "influenced"),
        ("4", "6", ["b"], "changed"), (None, "5", ["b"], "influenced"), (None, "6", ["b"], None), ("4", "4", [], None),
        ("4", "4", ["unknown"], None),
    ],
)  # fmt: skip
def test_what_a_block_did_to_a_reader(before: str | None, after: str, read: list[str], found: str | None) -> None:
    answers = Answers(HeldAnswers(lambda: "math"))
    closed = block(read, a="4", b="5", c="5", **({} if before is None else {"me": before}))
    assert effect("me", closed, answers.number(after), answers) == found


def test_novelty_is_what_summaries_do_not_share() -> None:
    assert novelty([[1.0, 0.25], [0.25, 1.0]]) == 0.75
    assert novelty([[1.0]]) is None
