"""The setting `talk`: whom a LeaP block interrupts, and when talk ends."""

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from peerleap.engine import Completion
from peerleap.graph import InputError, SettingsError, as_settings, fork, read_run
from peerleap.graph.leap_block.probe import agreement
from peerleap.graph.leap_block.talk import Known

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUESTION = {"question": "What is 2 + 2?"}
LONG = "So it goes on. " * 400


def holding(*answers: str, last: str | None = None, rounds: int = 9) -> Any:
    """Paths that think for `rounds` requests, and hold these answers whenever they are asked."""

    def write(call: Any) -> str:
        answer = answers[call.number - 1]
        if call.stage == "ask":
            return f"{answer}}}\n"
        if call.stage == "summary":
            return f"I have {answer}, says {call.path}.</summarize>"
        thought = call.prompt.count(LONG[:30])
        return LONG if thought < rounds else f"\\boxed{{{last or answer}}}"

    return write


def generated(engine: Any, completions: list[Completion]) -> int:
    assert len(engine.calls) == len(completions)
    return sum(len(done.token_ids) for done in completions)


class Counted:
    """Counts what an engine generates; given as `prepare`."""

    def __init__(self) -> None:
        self.completions: list[Completion] = []

    def __call__(self, engine: Any) -> None:
        generate = engine.generate

        async def counting(*args: Any, **options: Any) -> Completion:
            done: Completion = await generate(*args, **options)
            self.completions.append(done)
            return done

        engine.generate = counting


def interrupted(run: Any) -> list[str]:
    """Paths into whose history a LeaP block has written."""
    kinds = {"trigger", "summary", "comment"}
    return [name for name in run.out["histories"] if kinds & set(run.kinds(name))]


def test_the_majority_goes_on_undisturbed_and_the_others_read_one_of_them(leap: Any) -> None:
    run = leap(holding("4", "4", "5", "4"), paths=4, talk="disagree", rounds=1)
    (record,) = run.out["rounds"]
    assert {name: probe["answer"] for name, probe in record["probes"].items()} == {
        "solver_1": "4", "solver_2": "4", "solver_3": "5", "solver_4": "4",
    }  # fmt: skip
    assert (record["majority"], record["share"]) == ("4", 0.75)
    assert interrupted(run) == ["solver_3"]
    (source,) = record["routes"]["solver_3"]
    assert list(record["routes"]) == ["solver_3"]
    assert run.segments("solver_3", "comment")[0]["sources"] == [source]
    assert f"I have 4, says {source}." in run.texts("solver_3", "comment")[0]
    # Nobody else has summed up.
    assert sorted(call.path for call in run.engine.calls if call.stage == "summary") == sorted(["solver_3", source])
    assert [request["kind"] for request in record["probes"][source]["requests"]] == ["answer", "summary"]
    for name in ("solver_1", "solver_2", "solver_4"):
        assert run.kinds(name)[:3] == ["prompt", "thought", "thought"]


def test_a_probe_continues_the_history_and_stays_out_of_it(leap: Any) -> None:
    run = leap(holding("4", "4", "5", "4"), paths=4, talk="disagree", rounds=1)
    probe, last = run.engine.of("solver_1", "ask")  # the second is the answer that its budget's end demands
    before = [token for s in run.history("solver_1") if s["round"] == 0 for token in s["token_ids"]]
    assert probe.ids[: len(before)] == before
    assert probe.prompt.endswith("Final answer: \\boxed{")
    assert last.prompt.count("Final answer") == 1
    later = [call.ids for call in run.engine.of("solver_1", "thought") if len(call.ids) >= len(before)]
    assert later
    assert all(ids[: len(before)] == before and ids[: len(probe.ids)] != probe.ids for ids in later)


@pytest.mark.parametrize("talk", ["always", "disagree", "novel", "probe", "off"])
def test_every_generated_token_is_counted_once(leap: Any, talk: str) -> None:
    counted = Counted()
    run = leap(holding("4", "4", "5", "4", rounds=4), paths=4, talk=talk, rounds=3, prepare=counted, stable=3)
    usage = run.out["usage"]
    assert usage["generated"] == generated(run.engine, counted.completions)
    assert usage["requests"] == len(counted.completions)
    assert usage["prefill"] == sum(done.prompt_tokens for done in counted.completions)
    parts = ("thought", "summary", "answer", *(["probe"] if talk in {"disagree", "probe"} else []))
    assert usage["generated"] == sum(usage[part] for part in parts)
    assert ("probe" in usage) == (talk in {"disagree", "probe"})
    for key in usage:
        assert usage[key] == sum(path["usage"].get(key, 0) for path in run.out["paths"].values())


def test_the_run_ends_where_three_quarters_agree_twice(leap: Any) -> None:
    run = leap(holding("4", "4", "5", "4"), paths=4, talk="disagree", rounds=9)
    first, second = run.out["rounds"]
    assert "stop" not in first
    assert second["stop"] == "agreement"
    assert run.out["answer"] == "4"
    assert {path["status"] for path in run.out["paths"].values()} == {"forced"}
    assert {name: path["answer"] for name, path in run.out["paths"].items()} == {
        "solver_1": "4", "solver_2": "4", "solver_3": "5", "solver_4": "4",
    }  # fmt: skip
    # The probe is the answer: nothing is asked twice, or counted twice.
    assert len(run.engine.of("solver_1", "ask")) == 2
    assert run.kinds("solver_1")[-2:] == ["nudge", "answer"]
    assert all(not probe["requests"] for probe in second["probes"].values())
    ends = [event for event in run.events if event["type"] == "path_end"]
    assert [event["path"] for event in ends] == ["solver_1", "solver_2", "solver_3", "solver_4"]
    assert [event.get("stop") for event in run.events if event["type"] == "route"] == [None, "agreement"]


def test_more_successive_blocks_can_be_demanded(leap: Any) -> None:
    run = leap(holding("4", "4", "5", "4"), paths=4, talk="disagree", rounds=9, stable=3)
    assert [record.get("stop") for record in run.out["rounds"]] == [None, None, "agreement"]


def test_a_smaller_majority_ends_nothing(leap: Any) -> None:
    run = leap(holding("4", "4", "4", "5", "6"), paths=5, talk="disagree", rounds=4)
    assert [record.get("stop") for record in run.out["rounds"]] == [None] * 4
    assert {record["share"] for record in run.out["rounds"]} == {0.6}


def test_of_each_other_answer_the_routers_first_is_read(leap: Any) -> None:
    """A tie has no majority: all are interrupted, and read one path for each answer that they do not hold."""
    run = leap(holding("4", "5", "4", "5", "6"), paths=5, talk="disagree", rounds=1, router="all")
    assert run.out["rounds"][0]["routes"] == {
        "solver_1": ["solver_2", "solver_5"], "solver_2": ["solver_1", "solver_5"],
        "solver_3": ["solver_2", "solver_5"], "solver_4": ["solver_1", "solver_5"],
        "solver_5": ["solver_1", "solver_2"],
    }  # fmt: skip
    few = leap(holding("4", "5", "4", "5", "6"), paths=5, talk="disagree", rounds=1, top_k=1)
    assert {len(read) for read in few.out["rounds"][0]["routes"].values()} == {1}


def test_a_finished_path_speaks_for_its_answer_and_counts(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.number == 1 and call.stage == "thought":
            return "Clear: \\boxed{4}."
        text: str = holding("4", "4", "5")(call)
        return text

    run = leap(write, paths=3, talk="disagree", rounds=1, router="all", summary_tokens=200)
    (record,) = run.out["rounds"]
    assert set(record["probes"]) == {"solver_2", "solver_3"}
    assert record["routes"] == {"solver_3": ["solver_1"]}
    assert "My answer is 4." in run.texts("solver_3", "comment")[0]
    assert run.engine.of("solver_2", "summary") == []


def test_paths_without_an_answer_interrupt_nobody(leap: Any) -> None:
    run = leap(holding("", "", ""), paths=3, talk="disagree", rounds=2)
    assert interrupted(run) == []
    assert [record["routes"] for record in run.out["rounds"]] == [{}, {}]
    assert {record["majority"] for record in run.out["rounds"]} == {None}


def test_all_agree_from_the_beginning(leap: Any) -> None:
    run = leap(holding("4", "4.0", "4"), paths=3, talk="disagree", rounds=9)
    assert interrupted(run) == []
    assert len(run.out["rounds"]) == 2
    assert not any(call.stage == "summary" for call in run.engine.calls)


def test_a_path_whose_probe_fails_is_out_and_the_others_go_on(leap: Any) -> None:
    def write(call: Any) -> str:
        if call.stage == "ask" and call.number == 2:
            raise RuntimeError("no answer")
        text: str = holding("4", "4", "5", "4")(call)
        return text

    run = leap(write, paths=4, talk="disagree", rounds=1)
    assert run.out["paths"]["solver_2"]["status"] == "failed"
    assert run.out["paths"]["solver_2"]["error"] == "RuntimeError: no answer"
    assert run.out["rounds"][0]["share"] == pytest.approx(2 / 3)
    assert run.out["answer"] == "4"


def test_probe_interrupts_nobody_and_ends_when_the_vote_is_stable(leap: Any) -> None:
    run = leap(holding("4", "4", "5", "6"), paths=4, talk="probe", rounds=9, stable=3)
    assert interrupted(run) == []
    assert [record.get("stop") for record in run.out["rounds"]] == [None, None, "agreement"]
    assert run.out["answer"] == "4"
    assert "Others work" not in run.engine.calls[0].prompt
    undecided = leap(holding("4", "5", "6", "7"), paths=4, talk="probe", rounds=4)
    assert [record.get("stop") for record in undecided.out["rounds"]] == [None] * 4


def test_off_is_a_vote_of_paths_that_never_hear_of_each_other(leap: Any) -> None:
    run = leap(holding("4", "4", "5", rounds=2), paths=3, talk="off", rounds=9, max_tokens=2000)
    assert run.out["rounds"] == []
    assert "Others work" not in run.engine.calls[0].prompt
    alone = leap(holding("4", "4", "5", rounds=2), paths=3, rounds=0, max_tokens=2000)
    assert without_caches(run.out) == without_caches(alone.out)


def test_always_is_what_a_run_does_without_the_setting(leap: Any) -> None:
    named = leap(holding("4", "5", "6", rounds=2), paths=3, talk="always")
    plain = leap(holding("4", "5", "6", rounds=2), paths=3)
    assert without_caches(named.out) == without_caches(plain.out)
    assert sorted(map(str, map(stripped, named.events))) == sorted(map(str, map(stripped, plain.events)))
    assert not {"probes", "majority", "share", "stop"} & set(named.out["rounds"][0])


def test_only_what_is_new_is_read_and_talk_ends_when_nothing_is(leap: Any) -> None:
    """Paths 1 and 2 have the same number, path 3 another one; then all say the same again."""

    def write(call: Any) -> str:
        if call.stage == "summary":
            return f"The larger of the two is {17 if call.number < 3 else 19}, by cases.</summarize>"
        text: str = holding("4", "4", "4", rounds=6)(call)
        return text

    run = leap(write, paths=3, talk="novel", rounds=9, router="all")
    first, second = run.out["rounds"]
    # A number is new however similar the sentence; of two that say the same, one is read.
    assert first["routes"] == {"solver_1": ["solver_3"], "solver_2": ["solver_3"], "solver_3": ["solver_1"]}
    assert second["routes"] == {"solver_1": [], "solver_2": [], "solver_3": []}
    assert [record.get("stop") for record in run.out["rounds"]] == [None, "novelty"]
    assert run.texts("solver_1", "nudge")[0].strip().startswith("I go on from here.")


def test_without_numbers_a_similar_summary_is_not_new() -> None:
    known = Known(["A holds, hence B does."], None, "levenshtein")
    assert not known.lacks("A holds, hence B does!")
    assert known.learn("C contradicts both, by symmetry.")
    assert not known.lacks("C contradicts both, by symmetry")
    assert Known(["x is 17"], {"17"}, "levenshtein").lacks("x is 18")


def test_novelty_asks_nobody(leap: Any) -> None:
    run = leap(holding("4", "5", "6"), paths=3, talk="novel", rounds=2)
    assert "probe" not in run.out["usage"]
    assert "probes" not in run.out["rounds"][0]


def test_a_majority_needs_two_and_more_than_any_other() -> None:
    assert agreement({"a": "4", "b": "5"}, "math").answer is None
    assert agreement({"a": "4", "b": "4", "c": "5", "d": "5"}, "math").answer is None
    assert agreement({}, "math").share == 0
    found = agreement({"a": "1/2", "b": "0.5", "c": None, "d": "5"}, "math")
    assert (found.answer, found.paths, found.share) == ("1/2", ("a", "b"), 0.5)


def test_a_person_has_nobody_to_speak_to_where_nobody_reads() -> None:
    with pytest.raises(SettingsError, match="human_peer: with talk='off' no path reads"):
        as_settings({"human_peer": True, "talk": "off"})
    with pytest.raises(SettingsError, match="talk='sometimes': input should be 'always', 'disagree'"):
        as_settings({"talk": "sometimes"})


class PowerCut(BaseException):
    """Nothing may take this for a failed path."""


@pytest.fixture
def saver() -> Iterator[SqliteSaver]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    yield SqliteSaver(connection)
    connection.close()


def without_caches(out: Any) -> Any:
    """Histories and blocks without what depends on the clock and on who came first."""
    return stripped([out["histories"], out["rounds"], out["votes"]])


def stripped(value: Any) -> Any:
    varying = {"cached_tokens", "cached", "seconds"}
    if isinstance(value, dict):
        return {key: stripped(inner) for key, inner in value.items() if key not in varying}
    return [stripped(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("stage", "blocks"), [("ask", 0), ("ask", 1), ("summary", 0)])
def test_a_run_goes_on_inside_a_block_and_asks_nothing_twice(
    team: Any, small: Any, saver: SqliteSaver, stage: str, blocks: int
) -> None:
    plain, context = holding("4", "4", "5", "4"), {**small, "talk": "disagree", "rounds": 4}
    expected = team(plain, paths=4)
    wanted = expected.graph.compile().invoke(QUESTION, context=context)
    cut = [blocks]

    def write(call: Any) -> str:
        if call.stage == stage and call.number == 3 and cut[0] >= 0:
            cut[0] -= 1
            if cut[0] < 0:
                raise PowerCut
        text: str = plain(call)
        return text

    made = team(write, paths=4)
    graph = made.graph.compile(checkpointer=saver)
    with pytest.raises(PowerCut):
        graph.invoke(QUESTION, CONFIG, context=context, durability="sync")
    out = graph.invoke(None, CONFIG)
    assert without_caches(out) == without_caches(wanted)
    asked = [(call.path, tuple(call.ids)) for call in made.engine.calls]
    assert len(asked) - len(set(asked)) <= 4  # the one that was cut, and what ran beside it
    if stage == "summary":
        probes = [one for one in made.engine.calls if one.stage == "ask"]
        assert len({(one.path, tuple(one.ids)) for one in probes}) == len(probes)


def test_sync_and_async_runs_are_the_same(team: Any, small: Any) -> None:
    context = {**small, "talk": "disagree", "rounds": 4}
    one = team(holding("4", "4", "5", "4"), paths=4).graph.compile().invoke(QUESTION, context=context)
    graph = team(holding("4", "4", "5", "4"), paths=4).graph.compile()
    other = asyncio.run(graph.ainvoke(QUESTION, context=context))
    assert without_caches(one) == without_caches(other)


def test_a_fork_holds_such_a_block_anew(team: Any, small: Any) -> None:
    made = team(holding("4", "4", "5", "4"), paths=4)
    graph = made.graph.compile(checkpointer=InMemorySaver())
    out = graph.invoke(QUESTION, CONFIG, context={**small, "talk": "disagree", "rounds": 4})
    again = graph.invoke(None, fork(graph, CONFIG, round=1))
    assert without_caches(again) == without_caches(out)
    loud = graph.invoke(None, fork(graph, CONFIG, round=1, settings={"talk": "always"}))
    assert set(loud["rounds"][1]["routes"]) == {"solver_1", "solver_2", "solver_3", "solver_4"}
    assert loud["rounds"][0] == out["rounds"][0]
    with pytest.raises(InputError, match="held anew"):
        fork(graph, CONFIG, round=0, hint="Think.")
    assert read_run(graph, CONFIG)["rounds"][-1]["stop"] == "agreement"


def test_a_person_is_read_by_those_that_are_interrupted(team: Any, small: Any) -> None:
    graph = team(holding("4", "4", "5", "4"), paths=4).graph.compile(checkpointer=InMemorySaver())
    context = {**small, "talk": "disagree", "rounds": 1, "human_peer": True}
    waiting = graph.invoke(QUESTION, CONFIG, context=context)
    (request,) = waiting["__interrupt__"]
    assert "solver_3" in request.value["summaries"]
    out = graph.invoke(Command(resume="Count again."), CONFIG)
    ((reader, read),) = out["rounds"][0]["routes"].items()
    assert (reader, read[-1], len(read)) == ("solver_3", "person", 2)
    kinds = {name: {segment["kind"] for segment in history} for name, history in out["histories"].items()}
    assert [name for name in kinds if "comment" in kinds[name]] == ["solver_3"]


def test_nobody_is_asked_for_a_comment_where_nobody_reads(team: Any, small: Any) -> None:
    graph = team(holding("4", "4", "4"), paths=3).graph.compile(checkpointer=InMemorySaver())
    out = graph.invoke(QUESTION, CONFIG, context={**small, "talk": "disagree", "rounds": 1, "human_peer": True})
    assert "__interrupt__" not in out
    assert out["answer"] == "4"
