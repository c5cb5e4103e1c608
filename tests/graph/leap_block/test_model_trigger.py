"""LeaP-T: a trained model opens `<summarize>` by itself."""

from typing import Any

from peerleap.agents import prompts


def opener(call: Any) -> str:
    if call.stage == "summary":
        return f"I am {call.path}.</summarize>"
    return "Hm. <summarize> and so on" if call.round == 0 else "\\boxed{4}"


def test_the_tag_starts_the_block_without_our_words(leap: Any) -> None:
    run = leap(opener, trigger="model", interval=400)
    assert run.kinds("solver_1") == ["prompt", "thought", "summary", "comment", "thought"]
    thought = run.segments("solver_1", "thought")[0]
    assert thought["text"] == "Hm. <summarize>"
    assert thought["finish"] == "summarize"
    assert run.engine.of("solver_1", "summary")[0].prompt.endswith("Hm. <summarize>")
    assert run.out["rounds"][0]["summaries"]["solver_1"]["text"] == "I am solver_1."


def test_who_does_not_open_it_is_stopped_at_t(leap: Any, long: str) -> None:
    def write(call: Any) -> str:
        return opener(call) if call.number == 1 or call.stage == "summary" or "</comment>\n\n" in call.prompt else long

    run = leap(write, trigger="model", interval=40, cut="exact")
    assert "trigger" not in run.kinds("solver_1")
    assert run.kinds("solver_2") == ["prompt", "thought", "trigger", "summary", "comment", "thought"]


def test_the_interval_trigger_lets_the_tag_pass(leap: Any) -> None:
    run = leap(opener, trigger="interval", paths=1)
    assert run.texts("solver_1", "thought") == ["Hm. <summarize> and so on"]
    assert prompts.SUMMARIZE not in run.engine.calls[0].params.stop


def test_in_the_grace_the_tag_counts_too(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "thought" and call.round == 0:
            return "x" * 99 if call.params.max_tokens == 40 else " <summarize>"
        return opener(call)

    run = leap(write, trigger="model")
    assert run.kinds("solver_1")[:4] == ["prompt", "thought", "thought", "summary"]


def always(call: Any) -> str:
    return {"summary": "s</summarize>", "ask": "4}\n"}.get(call.stage, "Again <summarize>")


def test_rounds_bounds_the_blocks_that_a_model_opens(leap: Any) -> None:
    run = leap(always, trigger="model", rounds=2)
    assert len(run.out["rounds"]) == 2
    assert run.texts("solver_1", "summary") == ["s</summarize>"] * 2


def test_no_block_where_there_is_nobody_to_hear(leap: Any) -> None:
    assert leap(always, trigger="model", paths=1).kinds("solver_1") == ["prompt", "thought", "nudge", "answer"]
    assert leap(always, trigger="model", rounds=0).out["rounds"] == []


def test_the_budget_may_end_on_the_tag(leap: Any) -> None:
    run = leap(always, trigger="model", max_tokens=len("Again <summarize>"))
    assert run.kinds("solver_1") == ["prompt", "thought", "nudge", "answer"]
    assert run.out["answer"] == "4"
