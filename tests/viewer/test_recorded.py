"""Runs out of an eval's records: what the file holds is enough for the matrix, the lanes and inspect_ai's viewer."""

import asyncio
from typing import Any

import pytest

from peerleap.evals import Grader, PathRecord, PathResult, Problem
from peerleap.evals.records import path_record
from peerleap.viewer import recorded_run, run_document, run_rows
from peerleap.viewer.timeline import starts
from tests.viewer.scripted import QUESTION, team_run, wrong_answer_spreads


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return team_run(wrong_answer_spreads)


def recorded(run: dict[str, Any], **options: Any) -> list[PathRecord]:
    """The lines of the run."""

    async def lines() -> list[PathRecord]:
        with Grader("peerleap") as grader:
            problem = Problem(id="q", question=QUESTION, answer="100", kind="math")
            return [
                await path_record(
                    PathResult(name, run["paths"][name]["status"], tuple(history), run["paths"][name]["answer"]),
                    problem, grader, run=0, method="leap", paths=3, meta={}, **options,
                )
                for name, history in run["histories"].items()
            ]  # fmt: skip

    return asyncio.run(lines())


@pytest.mark.parametrize("keep_ids", [False, True])
def test_the_records_hold_the_same_run(run: dict[str, Any], keep_ids: bool) -> None:
    lines = recorded(run, keep_ids=keep_ids)
    again, whole = run_rows(recorded_run(lines, QUESTION), gold="100"), run_rows(run, gold="100")
    assert [path["held"] for path in again["paths"]] == [path["held"] for path in whole["paths"]]
    for key in ("answers", "changes", "votes", "answer", "gold", "task"):
        assert again[key] == whole[key], key
    for mine, theirs in zip(again["blocks"], whole["blocks"], strict=True):
        assert (mine["routes"], mine["effects"], mine["similarity"]) == (
            theirs["routes"], theirs["effects"], theirs["similarity"],
        )  # fmt: skip
        texts = [{name: one["text"] for name, one in block["summaries"].items()} for block in (mine, theirs)]
        assert texts[0] == texts[1]
    for mine, theirs in zip(again["paths"], whole["paths"], strict=True):
        assert [s["seconds"] for s in mine["segments"]] == [s["seconds"] for s in theirs["segments"]]
        assert mine["usage"]["generated"] == theirs["usage"]["generated"]
        own = [[s["text"] for s in path["segments"] if s["kind"] == "thought"] for path in (mine, theirs)]
        assert "".join(own[0]) == "".join(own[1])
    assert (again["paths"][0]["segments"][-2]["text"] is not None) is keep_ids or keep_ids


def test_a_file_without_parts_of_texts_shows_the_text_at_the_end(run: dict[str, Any]) -> None:
    old = []
    for line in recorded(run):
        segments = tuple({key: value for key, value in s.items() if key != "chars"} for s in line.segments)
        old.append(PathRecord(**{**{name: getattr(line, name) for name in line.__slots__}, "segments": segments}))
    rows = run_document(recorded_run(old, QUESTION))["run"]
    assert rows["paths"][0]["segments"][-1]["text"] == old[0].text
    assert rows["answers"][rows["answer"]]["answer"] == "110"


def test_rounds_begin_for_all_paths_at_once() -> None:
    def segment(round_: int, block: bool, seconds: float) -> dict[str, Any]:
        return {"round": round_, "block": block, "seconds": seconds}

    fast = {"segments": [segment(0, False, 0.0), segment(0, False, 1.0), segment(0, True, 2.0), segment(1, False, 1.0)]}
    slow = {"segments": [segment(0, False, 3.0), segment(0, True, 1.0), segment(1, False, 1.0)]}
    assert starts([fast, slow]) == [[0.0, 0.0, 3.0, 5.0], [0.0, 3.0, 5.0]]


def test_inspect_shows_a_lane_a_path_and_a_fork_as_a_branch(run: dict[str, Any]) -> None:
    pytest.importorskip("inspect_ai")
    from inspect_ai.event import InfoEvent, ModelEvent, timeline_build

    from peerleap.viewer import lane_events

    rows = run_rows(run, models={"solver_1": "scripted"})
    fork = run_rows(team_run(lambda path, number: "100" if number else wrong_answer_spreads(path, 0)), name="odd-1")
    events = lane_events(rows, forks=[{"relation": "fork", "block": 1, "run": fork}])
    root = timeline_build(events).root
    lanes = [node for node in root.content if node.type == "span"]
    assert [(lane.name, lane.span_type) for lane in lanes] == [(name, "agent") for name in run["histories"]]
    for lane, path in zip(lanes, rows["paths"], strict=True):
        (branch,) = lane.branches
        assert branch.name == "odd-1"
        inside = [node.event for node in lane.content if node.type == "event"]
        requests = [event for event in inside if isinstance(event, ModelEvent)]
        assert [event.output.completion for event in requests] == [
            s["text"] for s in path["segments"] if s["kind"] in {"thought", "answer", "summary"}
        ]
        assert sum(event.output.usage.output_tokens for event in requests if event.output.usage) == sum(
            s["tokens"] for s in path["segments"] if s["kind"] in {"thought", "answer", "summary"}
        )
        blocks = [event for event in inside if isinstance(event, InfoEvent)]
        assert [event.source for event in blocks] == ["leap_block"] * 2
        assert [event.timestamp for event in inside] == sorted(event.timestamp for event in inside)
    first = next(
        node.event.data for node in lanes[0].content if node.type == "event" and isinstance(node.event, InfoEvent)
    )
    assert (first["block"], first["held"], first["held_after"], first["effect"]) == (1, "100", "110", "influenced")
    assert {read["path"]: read["answer"] for read in first["read"]}["solver_3"] == "110"
