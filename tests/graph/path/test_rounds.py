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
    run = leap(block_then("\\boxed{4}"), interval=40, grace=20, max_tokens=55, budget_counts="own")
    assert [len(thought["token_ids"]) for thought in thoughts(run)] == [40, 15]


def test_inserted_tokens_count_against_the_budget(leap: Any, block_then: Any) -> None:
    free = leap(block_then("\\boxed{4}"))
    grown = sum(len(s["token_ids"]) for s in free.history("solver_1")[1:] if s["round"] == 0)
    run = leap(block_then("x" * 5000), max_tokens=grown + 10)
    assert len(thoughts(run, round_number=1)[0]["token_ids"]) == 10
    assert run.out["paths"]["solver_1"]["status"] == "forced"


@pytest.mark.parametrize(("counts", "budget"), [("all", 100), ("all", 257), ("own", 49)])
def test_no_block_is_held_where_less_than_a_quarter_of_t_would_be_left(
    leap: Any, block_then: Any, counts: str, budget: int
) -> None:
    run = leap(block_then("never"), max_tokens=budget, interval=40, budget_counts=counts)
    assert run.kinds("solver_1") == ["prompt", "thought", "nudge", "answer"]
    assert len(thoughts(run)[0]["token_ids"]) == budget
    assert run.out["answer"] == "4"


def test_one_more_token_and_there_is_a_block(leap: Any, block_then: Any) -> None:
    run = leap(block_then("never", blocks=9), max_tokens=50, interval=40, cut="exact", budget_counts="own")
    assert len(run.out["rounds"]) == 1
    assert [len(s["token_ids"]) for s in run.segments("solver_1", "thought")] == [40, 10]


def test_the_papers_setting_thinks_its_whole_budget(leap: Any, block_then: Any) -> None:
    run = leap(block_then("never", blocks=9), preset="paper", thinking=True, interval=100, max_tokens=400, rounds=None)
    assert sum(len(s["token_ids"]) for s in run.segments("solver_1", "thought")) == 400
    assert len(run.out["rounds"]) == 3
    used = run.segments("solver_1", "thought")[-1]
    assert used["round"] == 3
    assert len(used["token_ids"]) == 100


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("Here:\n```python\nx = 1\n\ny = 2\n```\n\nNext. ", "```\n\n"),
        ("So\n$$\na = b\n\n+ c\n$$\n\nNext. ", "$$\n\n"),
        ("So\n\\[\na = b\n\n+ c\n\\]\n\nNext. ", "\\]\n\n"),
        ("\\begin{align}\na\n\nb\n\\end{align}\n\nNext. ", "\\end{align}\n\n"),
    ],
)
def test_a_block_cuts_no_fence_and_no_formula(leap: Any, block_then: Any, text: str, end: str) -> None:
    def write(call: Any) -> str:
        if call.stage != "thought" or call.round:
            return str(block_then("\\boxed{4}")(call))
        written = call.prompt.rpartition("Question: ")[2]
        return (text * 20)[len(call.ids) - call_start[call.path] :] if call.path in call_start else start(call, written)

    call_start: dict[str, int] = {}

    def start(call: Any, _: str) -> str:
        call_start[call.path] = len(call.ids)
        return text * 20

    run = leap(write, interval=20, grace=40)
    first = "".join(s["text"] for s in thoughts(run))
    assert first.endswith(end)


def test_a_block_cuts_no_number(leap: Any, block_then: Any) -> None:
    def write(call: Any) -> str:
        if call.stage != "thought" or call.round:
            return str(block_then("\\boxed{4}")(call))
        return (
            "x" * 35 + "1234567890 and so on" if len(call.ids) < 900 and "xxx" not in call.prompt else "67890 and so on"
        )

    run = leap(write, interval=40, grace=0)
    assert not thoughts(run)[-1]["text"][-1].isdigit()
