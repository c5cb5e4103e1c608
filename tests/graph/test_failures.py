"""A failed path is data: the others go on and vote, and only a run in which every path failed raises."""

from typing import Any

import pytest

from peerleap.engine import EngineDead, RequestRefused
from peerleap.graph import AllPathsFailed


def failing(*numbers: int, stage: str = "thought", round_number: int = 0, error: Exception | None = None) -> Any:
    def write(call: Any) -> str:
        if call.number in numbers and call.stage == stage and call.round == round_number:
            raise error or RequestRefused(f"no room for {call.path}")
        if call.stage == "summary":
            return f"{call.path} works.</summarize>"
        if call.stage == "ask":
            return "4}\n"
        return "x" * 99 if call.round == 0 else "\\boxed{4}"

    return write


@pytest.mark.parametrize("round_number", [0, 1])
def test_one_path_fails_and_the_others_vote(leap: Any, round_number: int) -> None:
    run = leap(failing(2, round_number=round_number), paths=3)
    outcome = run.out["paths"]["solver_2"]
    assert outcome["status"] == "failed"
    assert outcome["error"] == "RequestRefused: no room for solver_2"
    assert outcome["answer"] is None
    assert run.history("solver_2")[-1] == {
        "kind": "error", "round": round_number, "token_ids": [], "text": "RequestRefused: no room for solver_2",
    }  # fmt: skip
    assert run.out["votes"][0]["paths"] == ["solver_1", "solver_3"]
    assert run.out["answer"] == "4"


def test_the_failed_are_neither_read_nor_readers(leap: Any) -> None:
    run = leap(failing(2), paths=3, router="all")
    assert run.out["rounds"][0]["routes"] == {"solver_1": ["solver_3"], "solver_3": ["solver_1"]}
    assert len(run.engine.of("solver_2")) == 1


def test_what_a_path_wrote_before_it_failed_is_kept(leap: Any) -> None:
    run = leap(failing(2, round_number=1), paths=3)
    assert run.kinds("solver_2") == ["prompt", "thought", "thought", "trigger", "summary", "comment", "error"]
    assert run.out["paths"]["solver_2"]["usage"]["thought"] == 60


def test_a_failure_after_an_answer_in_the_thought_takes_the_vote_away(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "answer" and call.number == 1:
            raise EngineDead("gone")
        return "\\boxed{4}</think>" if call.number == 1 else "\\boxed{5}</think>"

    run = leap(write, paths=2, thinking=True)
    assert [v["answer"] for v in run.out["votes"]] == ["5"]


def test_a_failure_in_the_summary_ends_the_path(leap: Any) -> None:
    run = leap(failing(2, stage="summary"), paths=3, router="all")
    assert run.out["paths"]["solver_2"]["status"] == "failed"
    assert run.kinds("solver_2") == ["prompt", "thought", "thought", "error"]
    record = run.out["rounds"][0]
    assert record["paths"] == ["solver_1", "solver_3"]
    assert record["routes"] == {"solver_1": ["solver_3"], "solver_3": ["solver_1"]}
    assert run.out["answer"] == "4"


def test_all_but_one_fail_in_the_summary(leap: Any) -> None:
    run = leap(failing(2, 3, stage="summary"), paths=3)
    assert run.out["rounds"][0]["routes"] == {"solver_1": []}
    assert run.kinds("solver_1")[-2:] == ["nudge", "thought"]
    assert [vote["paths"] for vote in run.out["votes"]] == [["solver_1"]]


@pytest.mark.parametrize("stage", ["thought", "summary"])
def test_all_fail(leap: Any, stage: str) -> None:
    with pytest.raises(AllPathsFailed) as caught:
        leap(failing(1, 2, stage=stage), paths=2)
    assert caught.value.reasons == {
        "solver_1": "RequestRefused: no room for solver_1", "solver_2": "RequestRefused: no room for solver_2",
    }  # fmt: skip
    assert "solver_1: RequestRefused: no room for solver_1; solver_2: " in str(caught.value)


def test_one_reason_is_told_once(leap: Any) -> None:
    with pytest.raises(AllPathsFailed, match=r"^every path failed: solver_1, solver_2: EngineDead: gone(\n|$)"):
        leap(failing(1, 2, error=EngineDead("gone")), paths=2)


def test_all_fail_in_different_rounds(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 2 or call.round == 1:
            raise ValueError(f"{call.stage} {call.round}")
        return "s</summarize>" if call.stage == "summary" else "x" * 99

    with pytest.raises(AllPathsFailed) as caught:
        leap(write, paths=3)
    assert caught.value.reasons == {
        "solver_1": "ValueError: thought 1", "solver_2": "ValueError: thought 0", "solver_3": "ValueError: thought 1",
    }  # fmt: skip


def test_the_last_path_runs_to_its_end_when_the_others_have_failed(leap: Any) -> None:
    run = leap(failing(1, 2), paths=3, alumni=True)
    assert run.out["rounds"] == []
    assert run.out["paths"]["solver_3"]["answer"] == "4"


async def test_asynchronously_the_same(team: Any, small: Any) -> None:
    made = team(failing(2), paths=3)
    out = await made.graph.compile().ainvoke({"question": "What is 2 + 2?"}, context=small)
    assert out["paths"]["solver_2"]["status"] == "failed"
    assert out["answer"] == "4"
    with pytest.raises(AllPathsFailed):
        await team(failing(1), paths=1).graph.compile().ainvoke({"question": "What is 2 + 2?"}, context=small)
