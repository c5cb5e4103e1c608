"""How long a path thinks until it stops for the others."""

from typing import Any

import pytest


def thoughts(run: Any, path: str = "solver_1", round_number: int = 0) -> list[Any]:
    return [s for s in run.segments(path, "thought") if s["round"] == round_number]


@pytest.mark.parametrize("interval", [1, 7, 40, 333])
def test_exact_stops_after_t_tokens(leap: Any, block_then: Any, interval: int) -> None:
    run = leap(block_then("\\boxed{4}"), interval=interval, cut="exact")
    (thought,) = thoughts(run)
    assert len(thought["token_ids"]) == interval
    assert thought["finish"] == "interval"
    assert run.engine.of("solver_1")[0].params.max_tokens == interval


def test_paragraph_runs_on_to_the_break(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return "s</summarize>"
        if call.round:
            return "\\boxed{4}"
        return "a" * 40 if not call.prompt.endswith("a") else "bbb\n\nccc"

    run = leap(lambda call: write(call) + ("z" * 999 if call.stage == "thought" and not call.round else ""))
    first, grace = thoughts(run)
    assert first["text"] == "a" * 40
    assert grace["text"] == "bbb\n\n"
    assert (first["finish"], grace["finish"]) == ("interval", "interval")


def test_paragraph_gives_up_after_grace(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}"), interval=40, grace=9)
    assert [len(thought["token_ids"]) for thought in thoughts(run)] == [40, 9]


def test_no_grace_where_t_ends_a_paragraph(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return "s</summarize>"
        return "\\boxed{4}" if call.round else "a" * 38 + "\n\n" + "b" * 999

    (thought,) = thoughts(leap(write, interval=40))
    assert thought["text"].endswith("a\n\n")


def test_grace_of_nothing_asks_for_nothing(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}"), grace=0)
    assert len(run.engine.of("solver_1", "thought")) == 2
    assert all(call.params.max_tokens > 0 for call in run.engine.calls)


def test_every_round_counts_from_its_block(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}", blocks=3), rounds=3, interval=25, cut="exact")
    assert [len(thoughts(run, round_number=r)[0]["token_ids"]) for r in range(3)] == [25, 25, 25]
    assert len(run.out["rounds"]) == 3


def test_rounds_bounds_the_blocks_and_then_the_path_runs_to_its_end(leap: Any, long: str) -> None:
    run = leap(lambda call: {"summary": "s</summarize>", "ask": "4}\n"}.get(call.stage, long), rounds=2)
    assert len(run.out["rounds"]) == 2
    assert run.out["paths"]["solver_1"]["status"] == "forced"
    assert len(thoughts(run, round_number=2)[0]["token_ids"]) > 1000


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_path_alone_never_stops_for_others(leap: Any, long: str, rounds: int) -> None:
    run = leap(lambda call: "4}\n" if call.stage == "ask" else long, paths=1, rounds=rounds, max_tokens=500)
    assert run.kinds("solver_1") == ["prompt", "thought", "nudge", "answer"]
    assert run.out["rounds"] == []


def test_no_rounds_no_blocks(leap: Any, say: Any) -> None:
    run = leap(say("x" * 300 + "\\boxed{4}"), paths=3, rounds=0)
    assert run.out["rounds"] == []
    assert run.kinds("solver_2") == ["prompt", "thought"]
    assert run.out["answer"] == "4"


def test_a_budget_below_t_ends_the_round_and_forces(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}"), interval=40, max_tokens=30)
    assert run.kinds("solver_1") == ["prompt", "thought", "nudge", "answer"]
    assert len(thoughts(run)[0]["token_ids"]) == 30
    assert run.out["paths"]["solver_1"]["status"] == "forced"


def test_grace_stays_within_the_budget(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}"), interval=40, grace=20, max_tokens=45)
    assert [len(thought["token_ids"]) for thought in thoughts(run)] == [40, 5]


def test_inserted_tokens_count_against_the_budget(leap: Any, block_then: Any) -> None:
    free = leap(block_then("\\boxed{4}"))
    grown = sum(len(s["token_ids"]) for s in free.history("solver_1")[1:] if s["round"] == 0)
    run = leap(block_then("x" * 5000), max_tokens=grown + 10)
    assert len(thoughts(run, round_number=1)[0]["token_ids"]) == 10
    assert run.out["paths"]["solver_1"]["status"] == "forced"


def test_a_block_that_uses_up_the_budget_is_followed_by_the_answer(leap: Any, block_then: Any) -> None:
    run = leap(block_then("never"), max_tokens=100)
    assert run.kinds("solver_1")[-4:] == ["summary", "comment", "nudge", "answer"]
    assert run.out["answer"] == "4"
