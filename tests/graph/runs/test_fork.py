"""Entering a kept run again, with something changed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from peerleap.agents import Sampling
from peerleap.graph import (
    CompiledLeapGraph,
    InputError,
    LeapOutput,
    Settings,
    SettingsError,
    compare,
    fork,
    open_checkpointer,
    read_run,
)
from tests.graph.conftest import Team

QUESTION = {"question": "What is 2 + 2?"}
CONFIG: Any = {"configurable": {"thread_id": "a"}}


def writes(call: Any) -> str:
    """Two blocks; a path answers with the number of the last peer it has read, else with its own."""
    if call.stage == "summary":
        return f"{'x' * call.number * 3} I have {call.path} in {call.round}.</summarize>"
    if call.stage == "thought":
        return "So it goes on. " * 200 if call.round < 2 else "It is \\boxed{" + _read(call) + "}"
    return _read(call) + "}\n"


def _read(call: Any) -> str:
    comment = call.prompt.rpartition("<comment>")[2]
    return "77" if "SEVENS" in call.prompt else str(comment.count("Peer"))


def prefix(a: Any, b: Any) -> int:
    return next(n for n, (x, y) in enumerate(zip([*a, None], [*b, None], strict=False)) if x != y or x is None)


def ids(histories: Any) -> Any:
    return {name: [(s["kind"], s["token_ids"]) for s in history] for name, history in histories.items()}


@dataclass
class Kept(Team):
    """A team with a run that is kept, and what came of it."""

    compiled: CompiledLeapGraph
    out: LeapOutput


@pytest.fixture
def made(team: Callable[..., Team], small: dict[str, Any]) -> Kept:
    made = team(writes, paths=4)
    compiled = made.graph.compile(checkpointer=InMemorySaver())
    out = compiled.invoke(QUESTION, CONFIG, context={**small, "top_k": 1})
    made.engine.calls.clear()
    return Kept(made.engine, made.graph, compiled, out)


def test_a_fork_without_changes_ends_as_the_run_did(made: Any) -> None:
    for number in (0, 1):
        forked = fork(made.compiled, CONFIG, round=number)
        out = made.compiled.invoke(None, forked)
        assert ids(out["histories"]) == ids(made.out["histories"])
        assert out["rounds"] == made.out["rounds"]
        assert compare(made.out, out) == {
            "answer": None, "changed": {}, "missing": [], "same": [f"solver_{n}" for n in (1, 2, 3, 4)],
        }  # fmt: skip


def test_a_fork_keeps_what_a_person_has_said(team: Any, small: Any) -> None:
    graph = team(writes, paths=3).graph.compile(checkpointer=InMemorySaver())
    context = {**small, "rounds": 1, "human_peer": True, "router": "all"}
    graph.invoke(QUESTION, CONFIG, context=context)
    out = graph.invoke(Command(resume="Think of SEVENS."), CONFIG)
    again = graph.invoke(None, fork(graph, CONFIG, round=0))
    assert ids(again["histories"]) == ids(out["histories"])
    assert again["rounds"] == out["rounds"]
    assert again["answer"] == "77"


def test_a_fork_is_of_the_latest_branch(made: Any) -> None:
    """A server's clients fork within a thread; what was left behind there is no part of the run any more."""
    graph = made.compiled
    block = next(s for s in graph.get_state_history(CONFIG) if s.next == ("leap_block",) and s.values["round"] == 0)
    params = {**block.values["params"], "top_k": 3}
    other = graph.invoke(None, graph.update_state(block.config, {"params": params}, as_node="solver_1"))
    assert other["rounds"] != made.out["rounds"]
    for number in (0, 1):
        again = graph.invoke(None, fork(graph, CONFIG, round=number))
        assert again["rounds"] == other["rounds"]
        assert ids(again["histories"]) == ids(other["histories"])


def test_answers_are_compared_as_those_of_their_task(team: Any, small: Any) -> None:
    def chosen(how: str) -> Any:
        write = {"summary": "B.</summarize>", "thought": how, "answer": how, "ask": "B}\n"}
        graph = team(lambda call: write[call.stage], paths=2).graph.compile()
        question = "Which is even?\nA) 1\nB) 2\nC) 3\nD) 5"
        return graph.invoke({"question": question}, context={**small, "rounds": 0})

    plain, bracketed = chosen("It is \\boxed{B}."), chosen("It is \\boxed{(B)}.")
    assert plain["task"] == "choice"
    assert compare(plain, bracketed)["changed"] == {}


def test_only_the_tail_is_run(made: Any) -> None:
    forked = fork(made.compiled, CONFIG, round=1, settings={"router": "random", "top_k": 3})
    assert made.engine.calls == []
    out = made.compiled.invoke(None, forked)
    assert {call.stage for call in made.engine.calls} == {"thought"}
    assert {call.round for call in made.engine.calls} == {2}
    assert out["rounds"][0] == made.out["rounds"][0]
    assert out["rounds"][1]["summaries"] == made.out["rounds"][1]["summaries"]
    assert [len(read) for read in out["rounds"][1]["routes"].values()] == [3] * 4
    assert {name: outcome["answer"] for name, outcome in out["paths"].items()} == dict.fromkeys(out["paths"], "3")
    assert compare(made.out, out)["answer"] == ("1", "3")
    for name, history in out["histories"].items():
        old = made.out["histories"][name]
        same = prefix(history, old)
        assert history[same]["kind"] == "comment"
        assert history[same]["round"] == 1
        assert old[same]["kind"] == "comment"


def test_the_original_is_not_touched(made: Any) -> None:
    before = read_run(made.compiled, CONFIG)
    made.compiled.invoke(None, fork(made.compiled, CONFIG, round=0, drop=["solver_2"], thread_id="b"))
    assert read_run(made.compiled, CONFIG) == before
    assert before["histories"] == made.out["histories"]
    assert before["answer"] == made.out["answer"]


def test_without_a_peer(made: Any) -> None:
    out = made.compiled.invoke(None, fork(made.compiled, CONFIG, round=0, drop=["solver_2"], settings={"top_k": 3}))
    assert list(out["paths"]) == ["solver_1", "solver_3", "solver_4"]
    assert "solver_2" not in out["histories"]
    assert all("solver_2" not in record["summaries"] for record in out["rounds"])
    assert "solver_2" not in {call.path for call in made.engine.calls}
    assert compare(made.out, out)["missing"] == ["solver_2"]
    assert set(out["histories"]["solver_4"][-2]["sources"]) <= {"solver_1", "solver_3"}


def test_with_an_edited_summary(made: Any) -> None:
    forked = fork(made.compiled, CONFIG, round=1, settings={"top_k": 3}, edit={"solver_3": "SEVENS <|im_end|>"})
    out = made.compiled.invoke(None, forked)
    assert out["rounds"][1]["edited"] == ["solver_3"]
    assert out["rounds"][1]["summaries"]["solver_3"]["text"] == "SEVENS <|im_end|>"
    assert out["paths"]["solver_1"]["answer"] == "77"
    assert out["paths"]["solver_3"]["answer"] == "3"
    assert all("SEVENS" not in segment["text"] for segment in out["histories"]["solver_3"])
    eos = made.engine.tokenizer.eos_token_id
    comment = out["histories"]["solver_1"][-2]
    assert comment["kind"] == "comment"
    assert eos not in comment["token_ids"]


def test_with_a_hint_that_everybody_reads(made: Any) -> None:
    out = made.compiled.invoke(None, fork(made.compiled, CONFIG, round=0, hint="Think of SEVENS."))
    assert {name: outcome["answer"] for name, outcome in out["paths"].items()} == dict.fromkeys(out["paths"], "77")
    assert out["rounds"][0]["hint"] == "Think of SEVENS."
    comments = [s for s in out["histories"]["solver_1"] if s["kind"] == "comment"]
    assert comments[0]["sources"][-1] == "person"
    assert comments[1]["sources"] == out["rounds"][1]["routes"]["solver_1"]


def test_a_fork_of_a_fork(made: Any) -> None:
    first = fork(made.compiled, CONFIG, round=0, hint="Think of SEVENS.")
    made.compiled.invoke(None, first)
    second = fork(made.compiled, first, round=1, settings={"top_k": 3})
    out = made.compiled.invoke(None, second)
    assert [len(read) for read in out["rounds"][1]["routes"].values()] == [3] * 4
    assert out["answer"] == "77"
    with pytest.raises(InputError, match=r"round=0.*no such LeaP block of its own"):
        fork(made.compiled, second, round=0)


async def test_asynchronously_over_sqlite(team: Any, small: Any, tmp_path: Path) -> None:
    made = team(writes, paths=3)
    with open_checkpointer(tmp_path / "runs.sqlite") as store:
        graph = made.graph.compile(checkpointer=store)
        out = await graph.ainvoke(QUESTION, CONFIG, context=small)
        forked = await asyncio.to_thread(fork, graph, CONFIG, round=1)
        assert ids((await graph.ainvoke(None, forked))["histories"]) == ids(out["histories"])


def test_of_a_run_that_stopped_before_its_block(team: Any, small: Any) -> None:
    made = team(writes, paths=3)
    graph = made.graph.compile(checkpointer=InMemorySaver())
    graph.invoke(QUESTION, CONFIG, context={**small, "top_k": 1}, interrupt_before=["leap_block"])
    assert read_run(graph, CONFIG)["next"] == ["leap_block"]
    with pytest.raises(InputError, match="has not run yet"):
        fork(graph, CONFIG, round=0, hint="Think.")
    out = graph.invoke(None, fork(graph, CONFIG, round=0, settings={"top_k": 2}))
    assert [len(read) for read in out["rounds"][0]["routes"].values()] == [2] * 3
    with pytest.raises(ValueError, match="run_a: the run has not ended"):
        compare(read_run(graph, CONFIG), out)


def test_the_second_question_of_a_thread_is_the_one_that_is_forked(made: Any, small: Any) -> None:
    made.compiled.invoke({"question": "What is 5 + 6?"}, CONFIG, context={**small, "rounds": 1})
    assert "5 + 6" in read_run(made.compiled, fork(made.compiled, CONFIG, round=0))["question"]
    with pytest.raises(InputError, match=r"has 0$"):
        fork(made.compiled, CONFIG, round=1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"round": 7}, r"round=7: the run 'a' has no such LeaP block.*it has 0, 1$"),
        ({"round": 0, "drop": ["solver_9"]}, "drop: there is no path 'solver_9'; there are solver_1"),
        ({"round": 0, "drop": [f"solver_{n}" for n in (1, 2, 3, 4)]}, "no path would be left"),
        ({"round": 0, "edit": {"coder_1": "x"}}, "edit: there is no path 'coder_1'"),
        ({"round": 0, "edit": {"solver_1": " "}}, "not empty"),
        ({"round": 0, "hint": "word " * 99}, "hint: .* tokens; a summary has at most 64"),
        ({"round": 0, "thread_id": "a"}, "a run of this name exists"),
        ({"round": "0"}, "round='0': give the number of a LeaP block"),
        ({"round": 0, "edit": {"solver_1": 5}}, r"edit\['solver_1'\]=5: give a text"),
        ({"round": 0, "edit": ["solver_1"]}, r"edit=\['solver_1'\]: give a mapping"),
        ({"round": 0, "hint": 5}, "hint=5: give a text"),
    ],
)
def test_what_cannot_be_forked(made: Any, options: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        fork(made.compiled, CONFIG, **options)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"routr": "all"}, "'routr' is not a setting"),
        ({"router": "best"}, "router='best'"),
        ({"task": "free"}, "cannot change"),
        ({"max_tokens": 10**9}, "has room for"),
        ({"router": None}, "router=None: a fork needs a value; leave it out to keep the run's 'dispersed'"),
        ({"interval": None}, "interval=None: a fork needs a value; leave it out to keep the run's 40"),
        ({"sampling": 5}, "sampling=5: input should be a valid dictionary"),
        (["router"], r"settings=\['router'\]: give a mapping"),
    ],
)
def test_settings_that_a_fork_cannot_have(made: Any, settings: Any, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        fork(made.compiled, CONFIG, round=0, settings=settings)


def test_blocks_at_certain_points_in_place_of_every_so_many_tokens(made: Any) -> None:
    points = fork(made.compiled, CONFIG, round=0, settings={"communicate_at": [40]})
    assert [record["round"] for record in made.compiled.invoke(None, points)["rounds"]] == [0]


def test_blocks_every_so_many_tokens_in_place_of_certain_points(team: Any, small: Any) -> None:
    graph = team(writes, paths=3).graph.compile(checkpointer=InMemorySaver())
    unset = {key: value for key, value in small.items() if key not in {"interval", "rounds"}}
    graph.invoke(QUESTION, CONFIG, context={**unset, "communicate_at": [40]})
    out = graph.invoke(None, fork(graph, CONFIG, round=0, settings={"interval": 40, "rounds": 2}))
    assert [record["round"] for record in out["rounds"]] == [0, 1]
    with pytest.raises(SettingsError, match="interval=None: a fork needs a value; this run has none"):
        fork(graph, CONFIG, round=0, settings={"rounds": 2})


def test_settings_as_an_object_and_one_path_by_its_name(made: Any) -> None:
    settings = Settings(top_k=2, sampling=Sampling(top_p=0.5))
    forked = fork(made.compiled, CONFIG, round=0, settings=settings, drop="solver_2")
    run = read_run(made.compiled, forked)
    assert list(run["histories"]) == ["solver_1", "solver_3", "solver_4"]
    before = read_run(made.compiled, CONFIG)["settings"]
    assert run["settings"] == {**before, "top_k": 2, "sampling": {**before["sampling"], "top_p": 0.5}}


def test_no_run_and_no_checkpointer(made: Any) -> None:
    with pytest.raises(InputError, match="thread_id='z': no run"):
        fork(made.compiled, {"configurable": {"thread_id": "z"}}, round=0)
    with pytest.raises(InputError, match="thread_id='z': no run"):
        read_run(made.compiled, {"configurable": {"thread_id": "z"}})
    with pytest.raises(InputError, match="thread_id=None: no run"):
        read_run(made.compiled, {})
    with pytest.raises(InputError, match="no checkpointer"):
        fork(made.graph.compile(), CONFIG, round=0)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"router": "best"}, "router='best': input should be 'dispersed'"),
        ({"top_k": None}, "params: 'top_k' has no value"),
    ],
)
def test_settings_that_a_person_has_spoilt(made: Any, params: Any, told: str) -> None:
    """By `update_state`, or in Studio."""
    graph = made.compiled
    block = next(s for s in graph.get_state_history(CONFIG) if s.next == ("leap_block",))
    with pytest.raises((InputError, SettingsError), match=told):
        graph.update_state(block.config, {"params": {**block.values["params"], **params}}, as_node="solver_1")
