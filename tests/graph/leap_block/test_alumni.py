"""Paths that have finished go on sharing their conclusion, if asked to."""

from typing import Any

import pytest


def leaver(call: Any) -> str:
    """Path 1 finishes in round 0, the others after two blocks."""
    if call.stage == "summary":
        return f"{call.path} works.</summarize>"
    if call.number == 1:
        return "Clear: \\boxed{4}."
    return "x" * 999 if call.round < 2 else "\\boxed{4}"


def test_alumni_are_sources_and_no_readers(leap: Any) -> None:
    run = leap(leaver, paths=3, router="all", alumni=True, summary_tokens=200)
    for record in run.out["rounds"]:
        assert record["paths"] == ["solver_1", "solver_2", "solver_3"]
        assert record["routes"] == {"solver_2": ["solver_1", "solver_3"], "solver_3": ["solver_1", "solver_2"]}
        assert record["summaries"]["solver_1"]["tokens"] == 0
        text = record["summaries"]["solver_1"]["text"]
        assert text.startswith("I have finished. My answer is 4.")
        assert "Clear:" in text
    assert run.kinds("solver_1") == ["prompt", "thought"]
    assert "My answer is 4." in run.texts("solver_2", "comment")[0]


def test_without_alumni_the_finished_are_not_heard(leap: Any) -> None:
    run = leap(leaver, paths=3, router="all", alumni=False)
    assert run.out["rounds"][0]["paths"] == ["solver_2", "solver_3"]
    assert run.out["rounds"][0]["routes"] == {"solver_2": ["solver_3"], "solver_3": ["solver_2"]}


def test_the_last_path_alone_hears_alumni(leap: Any) -> None:
    run = leap(leaver, paths=2, alumni=True)
    assert len(run.out["rounds"]) == 2
    assert run.segments("solver_2", "comment")[0]["sources"] == ["solver_1"]


def test_the_last_path_alone_without_alumni_runs_to_its_end(leap: Any, long: str) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            return "\\boxed{4}"
        return "4}\n" if call.stage == "ask" else long

    run = leap(write, paths=2, alumni=False, max_tokens=800)
    assert run.out["rounds"] == []
    assert run.kinds("solver_2") == ["prompt", "thought", "thought", "thought", "nudge", "answer"]
    assert len(run.engine.of("solver_2")) == 4


def test_a_forced_path_shares_the_thought_that_supports_its_answer(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "ask":
            return "4}\n"
        return "I reason so." if call.number == 1 and call.stage == "thought" else leaver(call)

    run = leap(write, paths=2, summary_tokens=100)
    text = run.out["rounds"][0]["summaries"]["solver_1"]["text"]
    assert text == "I have finished. My answer is 4.\nI reason so."


def test_an_answer_section_supports_better_than_the_thought(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            return {"thought": "Hmm.</think>", "answer": "Because: \\boxed{4}"}[call.stage]
        return "x" * 99 if call.stage == "thought" and call.round == 0 else "s</summarize>\\boxed{4}</think>"

    run = leap(write, paths=2, thinking=True, summary_tokens=100)
    text = run.out["rounds"][0]["summaries"]["solver_1"]["text"]
    assert text == "I have finished. My answer is 4.\nBecause: \\boxed{4}"
    assert run.out["paths"]["solver_2"]["answer"] == "4"


@pytest.mark.parametrize("limit", [20, 64, 100])
def test_a_conclusion_is_as_short_as_a_summary(leap: Any, limit: int) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            return {"thought": "y" * 30 + ".</think>", "answer": "An essay. " * 30}[call.stage]
        return "x" * 99 if call.stage == "thought" and call.round == 0 else "s</summarize>.</think>"

    run = leap(
        write, paths=2, thinking=True, question="Who wrote Faust?", summary_tokens=limit, answer_tokens=400,
    )  # fmt: skip
    text = run.out["rounds"][0]["summaries"]["solver_1"]["text"]
    assert text.startswith("I have finished.")
    assert text.endswith("An essay."[-min(limit, 9) :])
    assert len(text) <= limit + len("I have finished.\n")
    assert len(run.out["paths"]["solver_1"]["answer"]) > 200


@pytest.mark.parametrize("limit", [98, 99, 100])
def test_a_conclusion_begins_with_a_whole_character(leap: Any, limit: int) -> None:
    """A character of Chinese is three tokens here; the limit leaves one or two of the first."""

    def write(call: Any) -> str:
        return "数" * 60 + "\\boxed{4}" if call.number == 1 and call.stage == "thought" else leaver(call)

    run = leap(write, paths=2, summary_tokens=limit, interval=300)
    text = run.out["rounds"][0]["summaries"]["solver_1"]["text"]
    assert text.startswith("I have finished. My answer is 4.\n数")
    assert text.endswith("数\\boxed{4}")


def test_failed_paths_are_no_alumni(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 1:
            raise RuntimeError("gone")
        return leaver(call)

    run = leap(write, paths=3, router="all")
    assert all("solver_1" not in record["paths"] for record in run.out["rounds"])
