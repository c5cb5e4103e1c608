"""How a path ends: its thought closed, its turn over, its answer given or asked for."""

from typing import Any

import pytest

from peerleap.agents import prompts
from peerleap.engine import ScriptedEngine, detect_thinking
from peerleap.engine.scripted import byte_tokenizer

ALONE = {"paths": 1}


def kinds_and_ends(run: Any, path: str = "solver_1") -> list[tuple[str, str | None]]:
    return [(s["kind"], s.get("finish")) for s in run.history(path)][1:]


def with_spelled_tags(engine: ScriptedEngine) -> None:
    """A model whose template opens `<think>` but whose tags are no tokens of their own."""
    engine.tokenizer = byte_tokenizer.__wrapped__(False)
    engine.tokenizer.chat_template = byte_tokenizer(True).chat_template
    assert detect_thinking(engine.tokenizer).thinks
    assert detect_thinking(engine.tokenizer).end_id is None


PREPARE = [pytest.param(lambda engine: None, id="token"), pytest.param(with_spelled_tags, id="string")]


@pytest.mark.parametrize("prepare", PREPARE)
def test_the_end_of_the_thought_starts_the_answer_section(leap: Any, say: Any, prepare: Any) -> None:
    run = leap(say("Two and two.</think>", answer="So \\boxed{4}."), thinking=True, prepare=prepare, **ALONE)
    assert kinds_and_ends(run) == [("thought", "think_end"), ("answer", "turn_end")]
    assert run.texts("solver_1", "thought") == ["Two and two.</think>"]
    assert run.out["paths"]["solver_1"]["status"] == "finished"
    assert run.out["answer"] == "4"
    assert run.engine.calls[-1].params.max_tokens == 60
    assert run.engine.calls[-1].prompt.endswith("Two and two.</think>")


@pytest.mark.parametrize("prepare", PREPARE)
def test_the_thought_may_end_in_a_later_round(leap: Any, prepare: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "thought" and call.round == 1:
            return "now.</think>" + "x" * 99
        return {"thought": "x" * 99, "summary": "s</summarize>", "answer": "\\boxed{4}"}[call.stage]

    run = leap(write, thinking=True, prepare=prepare)
    assert run.texts("solver_2", "thought")[-1] == "now.</think>"
    assert run.out["paths"]["solver_2"]["status"] == "finished"


def test_an_answer_section_is_cut_at_its_limit_and_then_asked(leap: Any, say: Any) -> None:
    run = leap(say("Hm.</think>", answer="x" * 500), thinking=True, answer_tokens=50, **ALONE)
    assert kinds_and_ends(run) == [("thought", "think_end"), ("answer", "cut"), ("nudge", None), ("answer", "answer")]
    assert len(run.segments("solver_1", "answer")[0]["token_ids"]) == 50
    assert run.texts("solver_1", "nudge") == [prompts.ANSWERS["math"]]
    assert run.out["paths"]["solver_1"]["status"] == "forced"


def test_an_answer_in_the_thought_is_enough(leap: Any, say: Any) -> None:
    run = leap(say("It is \\boxed{4}.</think>", answer="As said."), thinking=True, **ALONE)
    assert kinds_and_ends(run) == [("thought", "think_end"), ("answer", "turn_end")]
    assert run.out["answer"] == "4"


def test_a_turn_that_ends_with_an_answer_is_finished(leap: Any, say: Any) -> None:
    run = leap(say("It is \\boxed{4}."), **ALONE)
    assert kinds_and_ends(run) == [("thought", "turn_end")]
    assert run.out["paths"]["solver_1"]["status"] == "finished"


def test_the_end_of_turn_token_is_not_kept(leap: Any, say: Any) -> None:
    run = leap(say("It is \\boxed{4}."), **ALONE)
    eos = run.engine.tokenizer.eos_token_id
    assert eos not in run.segments("solver_1", "thought")[0]["token_ids"]
    assert run.out["paths"]["solver_1"]["usage"]["thought"] == len("It is \\boxed{4}.") + 1


def test_a_turn_that_ends_without_an_answer_is_asked(leap: Any, say: Any) -> None:
    run = leap(say("I do not know."), **ALONE)
    assert kinds_and_ends(run) == [("thought", "turn_end"), ("nudge", None), ("answer", "answer")]
    assert run.texts("solver_1", "nudge") == [prompts.ANSWERS["math"]]
    assert run.out["paths"]["solver_1"] | {"usage": None} == {
        "peer": "solver", "status": "forced", "answer": "4", "error": None, "usage": None,
    }  # fmt: skip


CHOICE = "Which is it?\nA) 3\nB) 4\n"
PROSE = [
    pytest.param("The answer is 5.", "What is 2 + 2?", "4}\n", "4", id="math"),
    pytest.param("It is \\boxed{4", "What is 2 + 2?", "4}\n", "4", id="unclosed"),
    pytest.param("\\boxed{3}, no: \\boxed{4", "What is 2 + 2?", "4}\n", "4", id="unclosed after a box"),
    pytest.param("The answer is A.", CHOICE, "B}\n", "B", id="choice"),
    pytest.param("\\boxed{4}, so the answer is B.", CHOICE, "B}\n", "B", id="box without a letter"),
]


@pytest.mark.parametrize(("thought", "question", "asked", "answer"), PROSE)
def test_an_answer_outside_a_box_is_asked_for(leap: Any, thought: str, question: str, asked: str, answer: str) -> None:
    run = leap(lambda call: asked if call.stage == "ask" else thought, question=question, **ALONE)
    assert kinds_and_ends(run) == [("thought", "turn_end"), ("nudge", None), ("answer", "answer")]
    assert run.out["paths"]["solver_1"]["status"] == "forced"
    assert run.out["answer"] == answer
    usage = run.out["paths"]["solver_1"]["usage"]
    assert usage["answer"] == len(asked)  # bytes are tokens here
    assert usage["requests"] == 2


@pytest.mark.parametrize("asked", ["", "}\n", "?}\n"])
def test_an_answer_in_prose_votes_where_asking_yields_nothing(leap: Any, asked: str) -> None:
    run = leap(lambda call: asked if call.stage == "ask" else "The answer is 5.", **ALONE)
    assert run.out["paths"]["solver_1"]["status"] == "forced"
    assert run.out["answer"] == "5"


def test_an_answer_section_in_prose_is_asked_after_a_box_in_the_thought(leap: Any, say: Any) -> None:
    run = leap(say("Is it \\boxed{5}?</think>", answer="No, the answer is 4."), thinking=True, **ALONE)
    assert kinds_and_ends(run)[1:] == [("answer", "turn_end"), ("nudge", None), ("answer", "answer")]
    assert run.out["answer"] == "4"


def test_a_conclusion_is_the_answer_section_though_its_box_was_asked_for(leap: Any, long: str) -> None:
    def write(call: Any) -> str:
        if call.stage == "thought" and call.path == "solver_1":
            return long
        said = {"thought": "Hm.</think>", "summary": "s</summarize>", "answer": "Sure, the answer is 4."}
        return {**said, "ask": "4}\n"}[call.stage]

    run = leap(write, thinking=True, max_tokens=900, rounds=1, answer_tokens=60)
    assert "My answer is 4.\nSure, the answer is 4." in run.texts("solver_1", "comment")[0]


def test_a_free_answer_needs_no_box(leap: Any) -> None:
    run = leap(lambda call: "Final answer: Paris", question="Which town is it?", **ALONE)
    assert kinds_and_ends(run) == [("thought", "turn_end")]
    assert run.out["paths"]["solver_1"]["status"] == "finished"


def test_a_turn_that_ends_inside_the_thought_closes_it_first(leap: Any, say: Any) -> None:
    run = leap(say("I do not know."), thinking=True, **ALONE)
    assert run.texts("solver_1", "nudge") == ["\n</think>" + prompts.ANSWERS["math"]]


def test_an_end_of_thought_inside_a_summary_does_not_close_the_thought(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "thought":
            return "I do not know." if call.round else "x" * 99
        return "almost</think>" if call.stage == "summary" else "4}\n"

    run = leap(write, thinking=True)
    assert run.texts("solver_1", "nudge")[-1] == "\n</think>" + prompts.ANSWERS["math"]


def test_the_budget_forces_an_answer(leap: Any, say: Any, long: str) -> None:
    run = leap(say(long), max_tokens=100, **ALONE)
    assert run.texts("solver_1", "nudge") == [prompts.OUT_OF_BUDGET + prompts.ANSWERS["math"]]
    assert run.texts("solver_1", "answer") == ["4}\n"]
    assert run.out["answer"] == "4"
    ask = run.engine.calls[-1]
    assert ask.params.stop == ("\n",)
    assert ask.params.max_tokens == 60


@pytest.mark.parametrize("prepare", PREPARE)
def test_the_budget_closes_the_thought_of_a_model_that_thinks(leap: Any, say: Any, long: str, prepare: Any) -> None:
    run = leap(say(long), thinking=True, max_tokens=100, prepare=prepare, **ALONE)
    assert run.texts("solver_1", "nudge") == [prompts.OUT_OF_BUDGET + "</think>" + prompts.ANSWERS["math"]]


@pytest.mark.parametrize("thinking", [False, True])
def test_a_forced_free_answer_counts(leap: Any, thinking: bool) -> None:
    said = {"thought": "No idea, really.", "ask": " It is Paris.\n\nBecause"}
    run = leap(lambda call: said[call.stage], thinking=thinking, question="Which town is it?", **ALONE)
    assert run.texts("solver_1", "nudge")[0].endswith("Final answer:")
    assert run.out["answer"] == "It is Paris."


def test_a_forced_answer_that_says_nothing_is_none(leap: Any) -> None:
    run = leap(lambda call: "" if call.stage == "ask" else "Hm.", **ALONE)
    assert run.out["paths"]["solver_1"]["answer"] is None
    assert run.out["answer"] is None
    assert run.out["votes"] == []


LINE_BREAKS = [
    ("What is 2 + 2?", ["\n4}", "4}\n"], "4", 59),
    ("What is 2 + 2?", ["\n", "4\nor so"], "4", 59),
    ("Which?\nA) red\nB) blue", ["\n(B)}", "(B)}\n"], "B", 59),
    (
        "Which town is it?",
        ["\n\nBecause", "Because of the tower: Paris.\n\nIndeed"],
        "Because of the tower: Paris.",
        58,
    ),
    ("What is 2 + 2?", ["\n4}", "\n4}"], None, 59),
]


@pytest.mark.parametrize(("question", "said", "answer", "left"), LINE_BREAKS)
def test_a_forced_answer_may_begin_on_the_next_line(
    leap: Any, question: str, said: list[str], answer: str | None, left: int
) -> None:
    asked: list[Any] = []

    def write(call: Any) -> str:
        if call.stage == "ask" or asked:
            asked.append(call)
            return said[len(asked) - 1]
        return "No idea, really."

    run = leap(write, question=question, **ALONE)
    assert run.out["paths"]["solver_1"]["answer"] == answer
    assert kinds_and_ends(run)[-3:] == [("nudge", None), ("answer", "answer"), ("answer", "answer")]
    assert asked[1].params.max_tokens == left
    assert asked[1].ids == [token for segment in run.history("solver_1")[:-1] for token in segment["token_ids"]]


def test_a_forced_answer_has_one_limit(leap: Any) -> None:
    run = leap(lambda call: "\n4}" if call.stage == "ask" else "Hm.", answer_tokens=1, **ALONE)
    assert kinds_and_ends(run)[-2:] == [("nudge", None), ("answer", "answer")]


def test_a_conclusion_does_not_take_a_forced_answer_for_its_reasons(leap: Any, long: str) -> None:
    def write(call: Any) -> str:
        if call.path == "solver_1":
            return long
        said = {"thought": "I can tell." if call.prompt.endswith("assistant\n") else "4}", "summary": "s</summarize>"}
        return {**said, "ask": "\n"}[call.stage]

    run = leap(write, max_tokens=900, rounds=1, answer_tokens=60)
    assert "My answer is 4.\nI can tell." in run.texts("solver_1", "comment")[0]


def test_a_model_that_says_nothing_at_all(leap: Any) -> None:
    run = leap(lambda call: "", paths=2)
    assert run.out["answer"] is None
    assert {outcome["status"] for outcome in run.out["paths"].values()} == {"forced"}
