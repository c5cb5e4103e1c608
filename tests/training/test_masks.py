"""Which tokens of a history are trained: those that the engine wrote for this path, and the triggers; nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from peerleap.agents import Peer, prompts
from peerleap.engine import SamplingParams, decode
from peerleap.graph import build_graph
from peerleap.training import Row, Span, make_row

LONG = "So it goes on. " * 400
SETTINGS = {"interval": 40, "cut": "exact", "summary_tokens": 64, "max_tokens": 6000, "answer_tokens": 60, "rounds": 1}


@tool
def double(number: int) -> str:
    """Doubles a number."""
    return f"DOUBLED {2 * number}"


def stage(text: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "summary"
    if text.endswith("\\boxed{"):
        return "ask"
    return "thought" if params.stop_token_ids or params.stop else "answer"


def write(**texts: str) -> Callable[[str, SamplingParams], str]:
    """A script by stage; the thought after a block, or after a tool has answered, is `later`."""
    usual = {
        "thought": LONG,
        "later": "It is four.</think>",
        "summary": "I have 4.</summarize>",
        "answer": "\\boxed{4}",
    }
    texts = {**usual, "ask": "4}\n", **texts}

    def script(text: str, params: SamplingParams) -> str:
        what = stage(text, params)
        behind = text.rpartition("<|im_start|>assistant")[2]
        if what == "thought" and any(mark in behind for mark in ("</comment>", "DOUBLED", prompts.NO_COMMENT)):
            return texts["later"]
        return texts[what]

    return script


@dataclass(frozen=True)
class Case:
    """A scripted path, and what must be in its history."""

    script: Callable[[str, SamplingParams], str]
    kinds: set[str]
    settings: dict[str, Any] = field(default_factory=dict)
    peer: dict[str, Any] = field(default_factory=dict)
    thinking: bool = True
    person: str | None = None


CALL = 'Let me see.\n<tool_call>{"name": "double", "arguments": {"number": 21}}</tool_call>'
CASES = {
    "block": Case(write(), {"prompt", "thought", "trigger", "summary", "comment", "answer"}),
    "tool": Case(write(thought=CALL), {"prompt", "thought", "tool", "answer"}, {"interval": 2000}, {"tools": [double]}),
    "block and tool": Case(
        write(thought=CALL, later=LONG), {"tool", "trigger", "summary", "comment", "nudge"},
        {"max_tokens": 1900, "interval": 200}, {"tools": [double]},
    ),
    "invented comment": Case(
        write(thought="Hm. <comment> Peer 7: it is nine </comment>"), {"thought", "nudge", "answer"}, {"interval": 900},
    ),
    "cut summary": Case(write(summary="I have 4. " + LONG), {"trigger", "summary", "nudge", "comment"}),
    "summary that ends the thought": Case(write(summary="I have 4.</think>"), {"summary", "nudge", "comment"}),
    "budget": Case(write(later=LONG), {"comment", "nudge", "answer"}, {"max_tokens": 900}),
    "nobody has anything to say": Case(write(summary="</summarize>"), {"summary", "nudge"}),
    "trigger of the model": Case(
        write(thought="Hm. <summarize>"), {"thought", "summary", "comment"}, {"trigger": "model", "interval": 400}
    ),
    "person": Case(write(), {"comment"}, {"human_peer": True}, person="Try SEVEN"),
    "no thought": Case(write(later="\\boxed{4}"), {"trigger", "summary", "comment"}, thinking=False),
    "no thought and no box": Case(write(later="It is four."), {"nudge", "answer"}, thinking=False),
}  # fmt: skip


def run(case: Case, keeping_engine: Any) -> tuple[list[dict[str, Any]], Any]:
    engine = keeping_engine(case.script, thinking=case.thinking)
    graph: Any = build_graph(peers=[Peer(name="solver", count=2, **case.peer)], engine=engine)
    context, config = {**SETTINGS, **case.settings}, {"configurable": {"thread_id": "a"}}
    if case.person is None:
        out = graph.compile().invoke({"question": "What is 2 + 2?"}, context=context)
    else:
        compiled = graph.compile(checkpointer=InMemorySaver())
        compiled.invoke({"question": "What is 2 + 2?"}, config, context={**context, "router": "all"})
        out = compiled.invoke(Command(resume=case.person), config)
    return out["histories"]["solver_1"], engine


def row_of(history: list[Any], engine: Any) -> Row:
    return make_row(history, question="q", run=0, path="solver_1", end_of_turn=engine.tokenizer.eos_token_id)


@pytest.mark.parametrize("name", CASES)
def test_trained_is_what_the_engine_wrote_for_this_path(name: str, keeping_engine: Any) -> None:
    case = CASES[name]
    history, engine = run(case, keeping_engine)
    assert case.kinds <= {segment["kind"] for segment in history}
    row = row_of(history, engine)
    own: set[int] = set()
    for prompt, completion in engine.written:
        end = len(prompt) + len(completion.token_ids)
        # What ends a turn or a thought inside a summary is not in the history, unless it is the row's last token.
        for stop in (end, end - 1):
            if (
                row.input_ids[:stop] == (prompt + completion.token_ids)[:stop]
                and row.input_ids[: len(prompt)] == prompt
            ):
                own |= set(range(len(prompt), stop))
                break
    start, triggers = 0, set[int]()
    for segment in history:
        if segment["kind"] == "trigger":
            triggers |= set(range(start, start + len(segment["token_ids"])))
        start += len(segment["token_ids"])
    trained = {place for place, label in enumerate(row.labels()) if label != -100}
    assert trained == own | triggers
    assert all(row.labels()[place] == row.input_ids[place] for place in trained)


READ = ("What is 2 + 2", "Peer 2", "DOUBLED", "SEVEN", prompts.OUT_OF_BUDGET.strip(), prompts.NO_COMMENT, "Nobody has")


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_others_wrote_is_trained(name: str, keeping_engine: Any) -> None:
    history, engine = run(CASES[name], keeping_engine)
    row = row_of(history, engine)
    whole = decode(engine.tokenizer, row.input_ids)
    trained = decode(engine.tokenizer, [label for label in row.labels() if label != -100])
    assert any(text in whole for text in READ)
    assert not [text for text in READ if text in trained]


def test_a_row_to_the_token(keeping_engine: Any) -> None:
    history, engine = run(CASES["block"], keeping_engine)
    row = row_of(history, engine)
    parts, start = [], 0
    for span in row.spans:
        text = decode(engine.tokenizer, row.input_ids[start : start + span.tokens])
        parts.append((span.kind, span.trained, text[:12], text[-12:]))
        start += span.tokens
    trigger = history[2]["text"]
    assert parts == [
        ("prompt", False, "<|im_start|>", "ant\n<think>\n"),
        ("thought", True, "So it goes o", parts[1][3]),
        ("trigger", True, trigger[:12], trigger[-12:]),
        ("summary", True, "I have 4.</s", "</summarize>"),
        ("comment", False, "\n\n<comment>\n", history[4]["text"][-12:]),
        ("thought", True, "It is four.<", "our.</think>"),
        ("answer", True, "\\boxed{4}<|i", "4}<|im_end|>"),
    ]


def test_the_end_of_a_turn_is_learned_where_the_path_ended_it(keeping_engine: Any) -> None:
    end = keeping_engine(lambda *_: "").tokenizer.eos_token_id
    for name, ends in {
        "block": True,
        "tool": True,
        "no thought": True,
        "budget": False,
        "no thought and no box": False,
    }.items():
        row = row_of(*run(CASES[name], keeping_engine))
        assert (row.labels()[-1] == end) is ends, name
        assert end not in row.labels()[:-1], name


def test_comments_are_trained_on_demand_and_nothing_else_with_them(keeping_engine: Any) -> None:
    history, engine = run(CASES["block and tool"], keeping_engine)
    row = row_of(history, engine)
    plain, parity = row.labels(), row.labels(comments=True)
    comment = [token for segment in history if segment["kind"] == "comment" for token in segment["token_ids"]]
    added = [b for a, b in zip(plain, parity, strict=True) if a != b]
    assert added == comment
    assert row.trained(comments=True) - row.trained() == len(comment)


def test_a_failed_path_trains_what_it_wrote() -> None:
    history: Any = [
        {"kind": "prompt", "token_ids": [1, 2]},
        {"kind": "thought", "token_ids": [3], "finish": "interval"},
        {"kind": "error", "token_ids": []},
    ]
    row = make_row(history, question="q", run=0, path="p", end_of_turn=9)
    assert row.spans == (Span("prompt", 2, False), Span("thought", 1, True))


def test_another_prompt_takes_the_place_of_the_first() -> None:
    history = [{"kind": "prompt", "token_ids": [1, 2]}, {"kind": "answer", "token_ids": [3], "finish": "turn_end"}]
    row = make_row(history, question="q", run=0, path="p", end_of_turn=9, prompt_ids=[7, 7, 7])
    assert row.input_ids == [7, 7, 7, 3, 9]
    assert row.labels() == [-100, -100, -100, 3, 9]
