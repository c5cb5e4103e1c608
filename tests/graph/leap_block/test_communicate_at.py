"""LeaP-S: blocks only after named numbers of thought tokens."""

from typing import Any

from peerleap.graph.budget import round_target
from peerleap.graph.defaults import COMMON, INSTRUCT
from peerleap.graph.settings import RunSettings, Settings, complete


def settings(**values: Any) -> RunSettings:
    defaults = {**COMMON, **INSTRUCT, "interval": None, "rounds": None}
    return complete(Settings(**values), defaults)


def thought_tokens(run: Any, path: str, round_number: int) -> int:
    thoughts = [s for s in run.segments(path, "thought") if s["round"] <= round_number]
    return sum(len(s["token_ids"]) for s in thoughts)


def test_one_block_at_the_named_count(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}", blocks=3), communicate_at=[77], cut="exact", max_tokens=1500)
    assert len(run.out["rounds"]) == 1
    assert thought_tokens(run, "solver_1", 0) == 77


def test_several_blocks_count_thought_tokens_from_the_beginning(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}", blocks=3), communicate_at=[20, 50, 140], cut="exact")
    assert [thought_tokens(run, "solver_2", r) for r in range(3)] == [20, 50, 140]
    assert len(run.out["rounds"]) == 3
    assert run.out["answer"] == "4"


def test_tokens_beyond_the_count_come_off_the_next(leap: Any, block_then: Any) -> None:
    run = leap(block_then("\\boxed{4}", blocks=2), communicate_at=[20, 50], grace=12)
    assert thought_tokens(run, "solver_1", 0) == 32
    assert run.engine.of("solver_1", "thought")[2].params.max_tokens == 50 - 32


def test_a_point_already_passed_takes_one_token() -> None:
    history: Any = [
        {"kind": "thought", "round": 0, "token_ids": [1] * 60},
        {"kind": "comment", "round": 0, "token_ids": [1] * 500},
    ]
    run = settings(communicate_at=(20, 50))
    assert round_target(run, 1, history, 2) == 1
    assert round_target(run, 2, history, 2) is None


def test_interval_counts_from_the_last_block() -> None:
    history: Any = [{"kind": "thought", "round": 0, "token_ids": [1] * 60}]
    assert round_target(settings(interval=50), 7, history, 2) == 50
    assert round_target(settings(interval=50, rounds=2), 1, history, 2) == 50
    assert round_target(settings(interval=50, rounds=2), 2, history, 2) is None
