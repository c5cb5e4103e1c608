"""What is read off a run's events: tokens while they are written, and who changed its answer after reading whom."""

from typing import Any

import pytest

from peerleap.cli.display.board import Board
from peerleap.viewer import Change
from tests.cli.events import RUN, end, route, segment, summary, tokens, vote


def board(*events: dict[str, Any]) -> Board:
    made = Board("What is 2 + 2?")
    for event in [RUN, *events]:
        made.update(event)
    return made


def test_tokens_count_while_they_are_written() -> None:
    made = board()
    lane = made.lanes["solver_1"]
    made.update(tokens("x" * 80))
    assert made.tokens(lane) == 20  # four characters a token, until a request has ended
    made.update(segment("thought", 40, "x" * 80))
    assert made.tokens(lane) == 40
    made.update(tokens("x" * 20))
    assert made.tokens(lane) == 50  # as many characters a token as that request had


def test_a_path_spends_its_budget_on_what_it_reads_too() -> None:
    made = board(segment("thought", 24), segment("nudge", 300), segment("summary", 10), segment("answer", 7))
    assert made.tokens(made.lanes["solver_1"]) == 41
    assert made.used(made.lanes["solver_1"]) == 334
    made.settings = {"budget_counts": "own"}
    assert made.used(made.lanes["solver_1"]) == 24


def test_usage_events_correct_the_counts() -> None:
    usage = {"thought": 50, "summary": 7, "answer": 0, "generated": 57, "inserted": 3}
    made = board(segment("thought", 24), {"type": "usage", "path": "solver_1", "round": 0, "usage": usage})
    assert made.tokens(made.lanes["solver_1"]) == 57
    made.update({"type": "usage", "usage": {"generated": 99}})
    assert made.tokens(made.lanes["solver_1"]) == 57


def test_speed_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("peerleap.cli.display.board.time.monotonic", lambda: now[0])
    made = board()
    for _ in range(20):
        made.update(tokens("x" * 120))
        now[0] += 1
    assert made.speed(made.lanes["solver_1"]) == pytest.approx(30)
    made.update(segment("thought", 600, "x" * 2400))
    assert made.speed(made.lanes["solver_1"]) is None, "the path waits"


def test_an_answer_that_changes_after_reading_names_the_peers_that_held_it() -> None:
    made = board(
        summary("I have \\boxed{5}."),
        summary("So \\boxed{4}.", "solver_2"),
        route(solver_1=["solver_2"], solver_2=["solver_1"]),
        summary("Now \\boxed{4.0}.", round_=1),
        summary("Still \\boxed{4}.", "solver_2", round_=1),
        route(1, solver_1=["solver_2"], solver_2=["solver_1"]),
    )
    assert made.changes == [Change("solver_1", "5", "4.0", 1, ("solver_2",))]
    assert str(made.changes[0]) == "solver_1 changed 5 to 4.0, held by solver_2, after block 1"
    assert made.lanes["solver_1"].changed
    assert made.tally(made.blocks[0]) == {"5": 1, "4": 1}
    assert sum(made.tally(made.blocks[1]).values()) == 2
    assert len(made.tally(made.blocks[1])) == 1, "4.0 and 4 are one answer"


def test_an_answer_of_ones_own_has_no_source_and_needs_a_block_before_it() -> None:
    made = board(
        segment("thought", 9, "It is \\boxed{5}."),
        summary("I am not sure."),
        segment("thought", 9, " No, \\boxed{6}.", round_=1),
        route(solver_1=["solver_2"], solver_2=[]),
    )
    assert made.changes == []
    made.update(end("7"))
    assert made.changes == [Change("solver_1", "5", "7", 1, ())]


def test_a_path_without_an_answer_takes_up_a_peers() -> None:
    made = board(
        summary("Nothing yet."),
        summary("So \\boxed{4}.", "solver_2"),
        route(solver_1=["solver_2"], solver_2=["solver_1"]),
    )
    made.update(end("4"))
    assert [str(change) for change in made.changes] == ["solver_1 took up 4, held by solver_2, after block 1"]


def test_a_first_answer_that_no_peer_held_is_no_change() -> None:
    made = board(summary("Nothing yet."), route(solver_1=["solver_2"], solver_2=[]), end("9"))
    assert made.changes == []
    assert made.lanes["solver_1"].answer == "9"


def test_unknown_events_and_unknown_paths_are_skipped() -> None:
    made = board({"type": "weather", "path": "solver_1"}, {"type": "segment", "path": "other", "kind": "thought"})
    assert list(made.lanes) == ["solver_1", "solver_2"]


def test_a_stored_run_is_taken_in_block_by_block() -> None:
    def piece(kind: str, text: str, round_: int) -> dict[str, Any]:
        return {"kind": kind, "round": round_, "token_ids": [1] * 10, "text": text}

    histories = {
        "solver_1": [piece("prompt", "?", 0), piece("thought", "\\boxed{5}", 0), piece("thought", "\\boxed{4}", 1)],
        "solver_2": [piece("prompt", "?", 0), piece("thought", "\\boxed{4}", 0)],
    }
    rounds = [
        {"round": 0, "summaries": {"solver_1": {"text": "5"}, "solver_2": {"text": "4"}},
         "routes": {"solver_1": ["solver_2"], "solver_2": []}},
        {"round": 1, "summaries": {"solver_1": {"text": "hm"}}, "routes": {"solver_1": []}},
    ]  # fmt: skip
    made = Board()
    made.restore({"question": "2 + 2?", "settings": {"max_tokens": 9}, "histories": histories, "rounds": rounds})
    assert [block.number for block in made.blocks] == [1, 2]
    assert made.changes == [Change("solver_1", "5", "4", 1, ("solver_2",))]
    assert made.tokens(made.lanes["solver_1"]) == 20
    made.update(vote(four=2))
    assert made.votes == {"four": 2}
