"""What a run says while it goes on."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from tests.graph.conftest import Run, Write


@pytest.fixture(scope="module")
def run(leap: Callable[..., Run], block_then: Callable[..., Write]) -> Run:
    return leap(block_then("\\boxed{4}"), paths=3)


def of(run: Any, kind: str) -> list[dict[str, Any]]:
    return [event for event in run.events if event["type"] == kind]


def test_every_event_has_a_version_and_a_type_and_is_json(run: Any) -> None:
    assert {event["v"] for event in run.events} == {1}
    assert {event["type"] for event in run.events} == {
        "run", "tokens", "segment", "summary", "route", "path_end", "usage", "vote",
    }  # fmt: skip
    assert json.loads(json.dumps(run.events)) == run.events


def test_the_run_is_announced_first_and_the_vote_told_last(run: Any) -> None:
    assert run.events[0]["type"] == "run"
    assert run.events[0]["paths"] == ["solver_1", "solver_2", "solver_3"]
    assert run.events[0]["settings"]["interval"] == 40
    assert run.events[0]["settings"]["router"] == "dispersed"
    assert run.events[-1] == {"v": 1, "type": "vote", "answer": "4", "votes": {"4": 3}}


def test_tokens_add_up_to_what_was_generated(run: Any) -> None:
    for path in run.out["histories"]:
        said = "".join(event["text"] for event in of(run, "tokens") if event["path"] == path)
        kept = "".join(s["text"] for s in run.history(path) if s["kind"] in {"thought", "summary", "answer"})
        assert said.replace("<|im_end|>", "") == kept
        assert {event["kind"] for event in of(run, "tokens")} == {"thought", "summary"}
        assert {event["round"] for event in of(run, "tokens")} == {0, 1}


def test_segments_are_told_as_they_are_kept(run: Any) -> None:
    for path in run.out["histories"]:
        told = [(e["kind"], e["round"], e["text"], e["tokens"]) for e in of(run, "segment") if e["path"] == path]
        kept = [
            (s["kind"], s["round"], s["text"], len(s["token_ids"]))
            for s in run.history(path)
            if s["kind"] in {"thought", "nudge", "answer", "error"}
        ]
        assert told == kept


def test_summaries_and_routes_are_those_of_the_record(run: Any) -> None:
    (record,) = run.out["rounds"]
    told = {event["path"]: event for event in of(run, "summary")}
    assert {path: event["text"] for path, event in told.items()} == {
        path: summary["text"] for path, summary in record["summaries"].items()
    }
    assert all(event["tokens"] == record["summaries"][path]["tokens"] for path, event in told.items())
    assert of(run, "route") == [{"v": 1, "type": "route", "round": 0, "sources": record["routes"]}]


def test_a_block_is_told_in_its_order(run: Any) -> None:
    types = [event["type"] for event in run.events]
    assert types.index("summary") < types.index("route") < types.index("path_end")


def test_every_path_tells_how_it_ended(run: Any) -> None:
    assert {event["path"]: (event["status"], event["answer"]) for event in of(run, "path_end")} == {
        f"solver_{number}": ("finished", "4") for number in (1, 2, 3)
    }
    for event in of(run, "path_end"):
        assert event["tokens"] == run.out["paths"][event["path"]]["usage"]["generated"]


def test_usage_is_told_as_it_grows_and_ends_as_the_runs(run: Any) -> None:
    *of_paths, last = of(run, "usage")
    assert last == {"v": 1, "type": "usage", "usage": run.out["usage"]}
    for path, outcome in run.out["paths"].items():
        told = [event["usage"] for event in of_paths if event["path"] == path]
        assert told[-1] == outcome["usage"]
        assert [usage["summary"] > 0 for usage in told] == [False, True, True]  # round 0, its block, round 1
        assert all(a[key] <= b[key] for a, b in pairwise(told) for key in a)


def test_a_failed_path_tells_its_error(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            raise RuntimeError("gone")
        return "\\boxed{4}"

    run = leap(write, paths=2)
    (end,) = [event for event in of(run, "path_end") if event["path"] == "solver_1"]
    assert (end["status"], end["answer"], end["tokens"]) == ("failed", None, 0)
    assert [e["text"] for e in of(run, "segment") if e["kind"] == "error"] == ["RuntimeError: gone"]


async def test_asynchronously_with_a_checkpointer(team: Any, block_then: Any, small: Any) -> None:
    graph = team(block_then("\\boxed{4}")).graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    parts = graph.astream({"question": "What is 2 + 2?"}, config, context=small, stream_mode=["custom", "updates"])
    custom, nodes = [], []
    async for mode, part in parts:
        if mode == "custom":
            custom.append(part["type"])
        else:
            nodes += list(part)
    assert set(custom) == {"run", "tokens", "segment", "summary", "route", "path_end", "usage", "vote"}
    assert [node for node in nodes if not node.startswith("s")] == ["prepare", "leap_block", "leap_block", "vote"]
