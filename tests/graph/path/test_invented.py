"""A model that writes `<comment>` invents its peers: it is stopped, told so, and let go on."""

from typing import Any

from peerleap.agents import prompts


def inventor(times: int) -> Any:
    def write(call: Any) -> str:
        if call.stage != "thought":
            return "4}\n" if call.stage == "ask" else "4</summarize>"
        if call.prompt.count("nobody has written to me") < times:
            return "Well.<comment>\nPeer 9: it is \\boxed{666}</comment>"
        return "Alone then: \\boxed{4}"

    return write


def test_it_is_stopped_at_the_tag_and_told_that_nobody_wrote(leap: Any) -> None:
    run = leap(inventor(1), paths=1)
    assert [(s["kind"], s.get("finish")) for s in run.history("solver_1")[1:]] == [
        ("thought", "invented"), ("nudge", None), ("thought", "turn_end"),
    ]  # fmt: skip
    assert run.texts("solver_1", "thought")[0] == "Well.<comment>"
    assert run.texts("solver_1", "nudge") == [prompts.INVENTED_COMMENT]
    assert run.out["answer"] == "4"


def test_only_so_often_in_a_round(leap: Any) -> None:
    run = leap(inventor(99), paths=1)
    assert run.texts("solver_1", "nudge").count(prompts.INVENTED_COMMENT) == 2
    assert prompts.COMMENT not in run.engine.calls[2].params.stop
    assert run.out["answer"] == "4"  # asked for, not the invented peer's 666
    assert all(prompts.COMMENT in call.params.stop for call in run.engine.calls[:2])


def test_what_was_written_before_counts_towards_t(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return "4</summarize>"
        if call.round:
            return "\\boxed{4}"
        return "Well.<comment>" if "nobody" not in call.prompt else "y" * 99

    run = leap(write, cut="exact", interval=40)
    first, second = run.segments("solver_1", "thought")[:2]
    assert len(first["token_ids"]) + len(second["token_ids"]) == 40
    assert second["finish"] == "interval"


def test_the_tag_as_the_last_token_of_the_round_ends_it(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "summary":
            return "4</summarize>"
        return "\\boxed{4}" if call.round else "Well.<comment>"

    run = leap(write, interval=len("Well.<comment>"))
    kinds = [s["kind"] for s in run.history("solver_1") if s["round"] == 0]
    # The nudge ends a paragraph, so nothing is asked for on top of T.
    assert kinds == ["prompt", "thought", "nudge", "trigger", "summary", "comment"]


def test_the_budget_holds(leap: Any) -> None:
    run = leap(inventor(99), paths=1, max_tokens=20)
    assert run.kinds("solver_1") == ["prompt", "thought", "nudge", "nudge", "answer"]
    assert run.out["paths"]["solver_1"]["status"] == "forced"
