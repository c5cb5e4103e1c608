"""What a bad call gets: one clear sentence, and nothing is stored."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.engine import EngineMissing
from peerleap.graph import InputError, SettingsError, build_graph
from peerleap.graph.inputs import check_input, read_conversation
from tests.graph.conftest import Team, Write

QUESTION = {"question": "What is 2 + 2?"}

BAD: list[Any] = [
    pytest.param({}, "no question: give {'question': '...'}", id="missing"),
    pytest.param({"question": None}, "no question", id="none"),
    pytest.param({"question": ""}, "question='': give a text that is not empty", id="empty"),
    pytest.param({"question": " \n\t"}, "give a text that is not empty", id="blank"),
    pytest.param({"question": "\x00 \x00"}, "give a text that is not empty", id="nothing that can be stored"),
    pytest.param({"question": 42}, "question=42", id="number"),
    pytest.param({"question": ["What?"]}, "question=['What?']", id="list"),
    pytest.param({"qestion": "What?"}, "input key 'qestion' is unknown; did you mean 'question'?", id="typo"),
    pytest.param({**QUESTION, "n": 4}, "input key 'n' is unknown; there are 'question', 'messages'", id="unknown"),
    pytest.param({**QUESTION, "answer": "7"}, "input key 'answer' is unknown", id="output key"),
    pytest.param({"messages": []}, "no question", id="no messages"),
    pytest.param({"messages": [HumanMessage("a"), AIMessage("b")]}, "the last one is from 'ai'", id="ai last"),
    pytest.param({"messages": [{"role": "system", "content": "b"}]}, "the last one is from 'system'", id="system last"),
    pytest.param({"messages": [HumanMessage("  ")]}, "give a text that is not empty", id="blank message"),
    pytest.param({"messages": [42]}, "messages=[42]", id="no message"),
    pytest.param("What is 2 + 2?", "input='What is 2 + 2?': give a mapping", id="text"),
    pytest.param(["What?"], "give a mapping", id="a list"),
]


@pytest.fixture
def made(team: Callable[..., Team], say: Callable[..., Write]) -> Team:
    return team(say())


def refused(graph: Any, given: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InputError) as caught:
        graph.invoke(given, *args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize(("given", "told"), BAD)
async def test_refused_before_anything_runs(made: Any, given: Any, told: str) -> None:
    graph = made.graph.compile()
    assert told in refused(graph, given)
    with pytest.raises(InputError) as caught:
        await graph.ainvoke(given)
    assert told in str(caught.value)
    with pytest.raises(InputError):
        list(graph.stream(given))
    assert made.engine.calls == []


@pytest.mark.parametrize(("given", "told"), BAD)
def test_refused_before_anything_is_stored(made: Any, given: Any, told: str) -> None:
    saver = InMemorySaver()
    graph = made.graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}
    assert told in refused(graph, given, config)
    assert list(saver.list(None)) == []
    assert graph.invoke(QUESTION, config)["answer"] == "4"
    stored = len(list(saver.list(config)))
    assert told in refused(graph, given, config)
    assert len(list(saver.list(config))) == stored
    assert graph.get_state(config).values["answer"] == "4"
    assert graph.invoke({"question": "What is 3 + 1?"}, config)["answer"] == "4"
    assert "What is 3 + 1?" in made.engine.calls[-1].prompt


def test_nothing_at_all(made: Any) -> None:
    assert "no question" in refused(made.graph.compile(), None)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"question": "x" * 64_001}, "question"),
        ({"messages": [("system", "y" * 64_001), ("user", "2 + 2?")]}, "messages"),
    ],
)
def test_what_no_context_holds_is_refused_by_its_characters(
    team: Any, say: Any, given: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = team(say(), context_length=2000).graph.compile()
    monkeypatch.setattr("peerleap.graph.path.path.render_prompt", lambda *_, **__: pytest.fail("it was encoded"))
    assert refused(graph, given) == (
        f"{name}: 64,001 characters, and 'scripted' has a context of 2,000 tokens; use at most 64,000 characters"
    )


def test_megabytes_of_earlier_turns_are_left_out_by_their_characters(team: Any, say: Any) -> None:
    made = team(say(), context_length=2000)
    turns = [("user", "z" * 300_000), ("assistant", "z" * 300_000), ("user", "2 + 2?")]
    made.graph.compile().invoke({"messages": turns})
    assert "zzz" not in made.engine.calls[-1].prompt


@pytest.mark.parametrize("question", ["x" * 3000, "word " * 600])
def test_a_question_too_long_for_the_context(team: Any, say: Any, question: str) -> None:
    saver = InMemorySaver()
    graph = team(say(), context_length=2000).graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}
    told = refused(graph, {"question": question}, config, context={"summary_tokens": 20})
    assert list(saver.list(None)) == []
    assert told.startswith("question: its prompt takes ")
    assert "tokens, which leaves no room to reason in the 2000 tokens of context of 'scripted'" in told
    assert "ask a shorter question" in told
    short = {"summary_tokens": 20, "answer_tokens": 100}
    assert graph.invoke(QUESTION, config, context=short)["answer"] == "4"


def test_where_the_settings_take_the_room_it_says_so(team: Any, say: Any) -> None:
    graph = team(say(), paths=5, context_length=3000).graph.compile()
    with pytest.raises(SettingsError, match=r"^top_k, summary_tokens, answer_tokens: .* set less of them") as caught:
        graph.invoke(QUESTION, context={"summary_tokens": 2000, "max_tokens": 10})
    assert "3000 tokens of context of 'scripted'" in str(caught.value)


@pytest.mark.parametrize("form", [{"paths": 1}, {"paths": 3, "rounds": 0}])
def test_paths_that_hear_nobody_are_told_of_no_block(team: Any, say: Any, form: dict[str, int]) -> None:
    graph = team(say(), paths=form["paths"], context_length=3000).graph.compile()
    rounds = {"rounds": form["rounds"]} if "rounds" in form else {}
    with pytest.raises(SettingsError, match=r"^answer_tokens: an answer may take \d+ tokens, .* set less of them"):
        graph.invoke(QUESTION, context={"answer_tokens": 4000, **rounds})


def test_where_the_question_and_the_settings_take_the_room(team: Any, say: Any) -> None:
    graph = team(say(), paths=2, context_length=6000).graph.compile()
    told = refused(graph, {"question": "x" * 2000}, context={"summary_tokens": 1500, "answer_tokens": 600})
    assert told.endswith("ask a shorter question, or set less top_k, summary_tokens or answer_tokens")


def test_a_context_that_holds_no_prompt_at_all(team: Any, say: Any) -> None:
    graph = team(say(), context_length=100).graph.compile()
    with pytest.raises(SettingsError, match=r"^max_model_len: 'scripted' has a context of 100 tokens, and a prompt"):
        graph.invoke(QUESTION)


def test_the_engine_is_checked_before_it_is_used(made: Any) -> None:
    def check() -> None:
        raise EngineMissing("pip install it")

    made.engine.check = check
    with pytest.raises(EngineMissing, match="pip install it"):
        made.graph.compile().invoke(QUESTION)
    assert made.engine.calls == []


@pytest.mark.parametrize("config", [None, {}, {"configurable": {}}, {"configurable": {"thread_id": ""}}])
async def test_a_checkpointer_without_a_thread_id(made: Any, config: Any) -> None:
    graph = made.graph.compile(checkpointer=InMemorySaver())
    assert "config={'configurable': {'thread_id': '...'}}" in refused(graph, QUESTION, config)
    with pytest.raises(InputError, match="thread_id"):
        await graph.ainvoke(QUESTION, config)


def test_a_thread_id_that_langgraph_takes_for_none(made: Any) -> None:
    graph = made.graph.compile(checkpointer=InMemorySaver())
    assert refused(graph, QUESTION, {"configurable": {"thread_id": 0}}).endswith("give a text, as '0'")


def test_a_thread_id_may_come_with_the_graph(made: Any) -> None:
    graph = made.graph.compile(checkpointer=InMemorySaver()).with_config(configurable={"thread_id": "1"})
    assert graph.invoke(QUESTION)["answer"] == "4"


def test_without_a_checkpointer_no_thread_id_is_needed(made: Any) -> None:
    assert made.graph.compile(checkpointer=False).invoke(QUESTION)["answer"] == "4"
    assert made.graph.compile().invoke(QUESTION, {"configurable": {"thread_id": "1"}})["answer"] == "4"


def test_a_parents_other_keys_are_its_own_business() -> None:
    check_input({**QUESTION, "note": 1}, nested=True)
    with pytest.raises(InputError, match="'note' is unknown"):
        check_input({**QUESTION, "note": 1}, nested=False)


def test_the_question_goes_before_the_messages() -> None:
    assert read_conversation({"question": "Q?", "messages": [AIMessage("x")]}).question == "Q?"
    assert read_conversation({"messages": [SystemMessage("x"), HumanMessage("Q?")]}).question == "Q?"


def test_what_cannot_be_stored_is_taken_out_of_a_question() -> None:
    assert read_conversation({"question": "a\x00b\ud800c"}).question == "ab?c"


@pytest.mark.parametrize("paths", [0, -1, 1025, 2.5, "4", True])
def test_a_number_of_paths_that_cannot_be(paths: Any) -> None:
    with pytest.raises(ValueError, match=r"give a number from 1 to 1024") as caught:
        build_graph(paths=paths)
    assert f"paths={paths!r}" in str(caught.value)
