"""Messages: a system message and earlier turns reach the model; what cannot be used is refused by name."""

import copy
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    ToolMessage,
)

from peerleap.graph import InputError
from peerleap.graph.inputs import read_conversation, read_written


def prompt(leap_out: dict[str, Any]) -> str:
    text: str = leap_out["histories"]["solver_1"][0]["text"]
    return text


def test_the_conversation_reaches_the_model(team: Any, say: Any, small: Any) -> None:
    graph = team(say()).graph.compile()
    messages = [
        SystemMessage("Use SI units."),
        HumanMessage("What is 4 x 5?"),
        AIMessage("20"),
        HumanMessage("And x 3?"),
    ]
    text = prompt(graph.invoke({"messages": messages}, context=small))
    places = [text.index(part) for part in ("Use SI units.", "What is 4 x 5?", "20", "Question: And x 3?")]
    assert places == sorted(places)


def test_a_thread_goes_on_with_what_was_said(team: Any, say: Any, small: Any) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    graph = team(say()).graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "a"}}
    graph.invoke({"messages": [HumanMessage("What is 2 + 2?")]}, config, context=small)
    text = prompt(graph.invoke({"messages": [HumanMessage("And times 3?")]}, config, context=small))
    places = [text.index(part) for part in ("What is 2 + 2?", "4", "Question: And times 3?")]
    assert places == sorted(places)


def test_calls_of_an_agent_are_left_out() -> None:
    call = AIMessage("", tool_calls=[{"name": "transfer", "args": {}, "id": "1"}])
    messages = [HumanMessage("What is 2 + 2?"), call, ToolMessage("done", tool_call_id="1")]
    assert read_conversation({"messages": messages}) == ("What is 2 + 2?", ())


def test_a_question_stands_alone() -> None:
    assert read_conversation({"question": "Q?", "messages": [HumanMessage("x"), AIMessage("y")]}) == ("Q?", ())


@pytest.mark.parametrize("kind", ["image_url", "image", "audio", "input_audio", "file", "video"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_part_that_is_no_text_is_refused_by_name(kind: str, place: int) -> None:
    parts: list[Any] = [{"type": "text", "text": "What is this?"}, {"type": kind, "url": "https://example.org/x"}]
    messages: list[Any] = [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage("And this?")]
    messages[2 * place] = HumanMessage(parts)
    with pytest.raises(InputError, match=f"a part of type '{kind}' cannot be read"):
        read_conversation({"messages": messages})


def test_an_agents_words_to_another_agent_are_no_turn() -> None:
    """A supervisor lets those whom it calls say that they hand back."""
    call = {"name": "transfer_back_to_supervisor", "args": {}, "id": "1"}
    messages = [
        HumanMessage("What is 2 + 2?"),
        AIMessage("4", name="leap"),
        AIMessage("Transferring back to supervisor", name="leap", tool_calls=[call]),
        ToolMessage("Successfully transferred back to supervisor", tool_call_id="1"),
        AIMessage("They say 4.", name="supervisor"),
        HumanMessage("And times 3?"),
    ]
    earlier = read_conversation({"messages": messages}).earlier
    assert earlier == (("user", "What is 2 + 2?"), ("assistant", "4\n\nThey say 4."))


def test_words_beside_a_call_of_a_tool_are_a_turn() -> None:
    call = {"name": "search", "args": {}, "id": "1"}
    messages = [HumanMessage("Hello"), AIMessage("I will look.", tool_calls=[call]), HumanMessage("And?")]
    assert read_conversation({"messages": messages}).earlier[-1] == ("assistant", "I will look.")


def test_after_a_handover_the_question_is_the_persons_last_message() -> None:
    messages = [HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("What is 2 + 2?"), AIMessage("Let me see.")]
    messages.append(SystemMessage("Be brief."))
    earlier = (("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi."))
    assert read_conversation({"messages": messages}, handed_over=True) == ("What is 2 + 2?", earlier)
    with pytest.raises(InputError, match="the last one is from 'system'; it must be a person's"):
        read_conversation({"messages": messages})
    with pytest.raises(InputError, match="no message is a person's"):
        read_conversation({"messages": [AIMessage("Hello.")]}, handed_over=True)


def test_a_node_before_the_graph_may_have_spoken(team: Any, say: Any, small: Any) -> None:
    from langgraph.graph import START, MessagesState, StateGraph

    outer: Any = StateGraph(MessagesState)
    outer.add_node("router", lambda _: {"messages": [AIMessage("This is arithmetic.")]})
    outer.add_node("peers", team(say()).graph.compile())
    outer.add_edge(START, "router").add_edge("router", "peers")
    out = outer.compile().invoke({"messages": [HumanMessage("What is 2 + 2?")]}, context=small)
    assert [message.content for message in out["messages"]] == ["What is 2 + 2?", "This is arithmetic.", "4"]


def test_a_system_message_that_every_turn_repeats_is_read_once() -> None:
    turn = [SystemMessage("Be brief."), HumanMessage("What is 2 + 2?"), AIMessage("4")]
    earlier = read_conversation({"messages": [*turn, SystemMessage("No jokes."), *turn, HumanMessage("Q?")]}).earlier
    assert earlier[0] == ("system", "Be brief.\n\nNo jokes.")


def test_messages_that_name_their_role_are_turns() -> None:
    messages = [ChatMessage(content="Be brief.", role="system"), ChatMessage(content="4", role="assistant")]
    messages.insert(1, ChatMessage(content="What is 2 + 2?", role="user"))
    question = ChatMessage(content="And times 3?", role="user")
    earlier = (("system", "Be brief."), ("user", "What is 2 + 2?"), ("assistant", "4"))
    assert read_conversation({"messages": [*messages, question]}) == ("And times 3?", earlier)


def test_what_an_assistant_says_first_is_read(team: Any, say: Any, small: Any) -> None:
    messages = [SystemMessage("Be brief."), AIMessage("I have 3 apples."), HumanMessage("How many?")]
    text = prompt(team(say()).graph.compile().invoke({"messages": messages}, context=small))
    places = [text.index(part) for part in ("Be brief.", "I have 3 apples.", "How many?")]
    assert places == sorted(places)


@pytest.mark.parametrize("role", ["critic", "Assistant", "model"])
def test_a_role_that_nobody_knows_is_refused_by_name(role: str) -> None:
    messages = [HumanMessage("Hello"), ChatMessage(content="x", role=role), HumanMessage("Q?")]
    with pytest.raises(InputError, match=f"role='{role}' is not one of 'system'"):
        read_conversation({"messages": messages})


def test_messages_that_were_streamed_are_turns() -> None:
    reply = AIMessageChunk(content="Hi") + AIMessageChunk(content=".")
    messages: list[Any] = [HumanMessage("Hello"), reply, HumanMessageChunk(content="Q?")]
    assert read_conversation({"messages": messages}) == ("Q?", (("user", "Hello"), ("assistant", "Hi.")))


def test_a_tuple_is_one_message_as_in_langgraph(team: Any, say: Any, small: Any) -> None:
    given: dict[str, Any] = {"messages": ("user", "What is 2 + 2?")}
    assert read_conversation(given) == ("What is 2 + 2?", ())
    out = team(say()).graph.compile().invoke(given, context=small)
    assert [message.content for message in out["messages"]] == ["What is 2 + 2?", "4"]


@pytest.mark.parametrize(
    "messages",
    [
        (HumanMessage("Hello " * 1000), HumanMessage("Q?")),
        ({"role": "system", "content": "s"}, {"role": "user", "content": "Q?"}),
        (("system", "s"), ("user", "Q?")),
        [{"role": "bot", "content": "Hello " * 1000}, {"role": "user", "content": "Q?"}],
        [{"role": "user", "content": {"a": 1}}],
        [{"role": "user"}],
        5,
    ],
)
def test_what_is_no_conversation_is_refused_in_one_short_line(messages: Any, team: Any, say: Any) -> None:
    with pytest.raises(InputError, match=r"^messages=.*; give a list such as") as refused:
        team(say()).graph.compile().invoke({"messages": messages})
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "part",
    [{"type": "output_text", "text": "20"}, {"type": "input_text", "text": "20"}, {"text": "20"},
     {"type": "refusal", "refusal": "20"}],
)  # fmt: skip
def test_text_under_another_vendors_name_is_read(part: Any) -> None:
    messages = [{"role": "user", "content": "4 x 5?"}, {"role": "assistant", "content": [part]}, HumanMessage("x 3?")]
    assert read_conversation({"messages": messages}).earlier[-1] == ("assistant", "20")


@pytest.mark.parametrize("part", [{"type": "text", "content": "x"}, {"type": "text", "text": None}, {"type": "text"}])
@pytest.mark.parametrize("kind", [HumanMessage, AIMessage])
def test_a_part_of_text_without_one_is_refused(part: Any, kind: Any) -> None:
    messages = [kind([part, {"type": "text", "text": "y"}]), HumanMessage("Q?")]
    with pytest.raises(InputError, match="a part of type 'text' has no text"):
        read_conversation({"messages": messages})


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ("<think>Is it 21?</think>\n\n20", "assistant\n20<"),
        ("The tag </think> ends a thought.", "ends a thought."),
        ("<think>It was cut", "It was cut"),
    ],
)
def test_a_thought_inside_an_earlier_reply_is_left_out(team: Any, say: Any, small: Any, reply: str, read: str) -> None:
    graph = team(say(), thinking=True).graph.compile()
    messages = [HumanMessage("4 x 5?"), AIMessage(reply), HumanMessage("x 3?")]
    text = prompt(graph.invoke({"messages": messages}, context=small))
    assert read in text
    assert "21" not in text


@pytest.mark.parametrize(
    "text", ["[1, 2]", "[", "[" * 99_999, "[]", '[{"role": "user"}]', '{"role": "user", "content": "Q?"}']
)
def test_a_text_that_lists_no_messages_is_a_question(team: Any, say: Any, small: Any, text: str) -> None:
    given = {"messages": text}
    assert read_written(given) is given
    assert read_conversation(given) == (text, ())


def test_messages_may_be_written_as_json(team: Any, say: Any, small: Any) -> None:
    turns = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]'
    out = team(say()).graph.compile().invoke({"messages": turns}, context=small)
    assert [message.content for message in out["messages"]] == ["Be brief.", "What is 2 + 2?", "4"]


def test_a_document_of_plain_text_is_read() -> None:
    parts: list[Any] = [
        {"type": "text", "text": "Count the words."},
        {"type": "text-plain", "text": "One two three.", "mime_type": "text/plain"},
        "Only the short ones.",
    ]
    asked = "Count the words.\n\nOne two three.\n\nOnly the short ones."
    assert read_conversation({"messages": [HumanMessage(parts)]}) == (asked, ())


def test_a_document_of_plain_text_that_is_elsewhere_is_refused() -> None:
    parts: list[Any] = ["Count:", {"type": "text-plain", "url": "https://example.org/x.txt"}]
    with pytest.raises(InputError, match="a part of type 'text-plain' cannot be read"):
        read_conversation({"messages": [HumanMessage(parts)]})


@pytest.mark.parametrize("kind", ["image_url", "image", "audio", "file", "video", "image_generation_call"])
def test_a_picture_that_a_model_made_is_refused_by_name(kind: str) -> None:
    made: list[Any] = [{"type": "text", "text": "Here it is."}, {"type": kind, "id": "1"}]
    messages = [HumanMessage("Draw a cat."), AIMessage(made), HumanMessage("What is wrong with it?")]
    with pytest.raises(InputError, match=f"a part of type '{kind}' cannot be read"):
        read_conversation({"messages": messages})


def test_what_models_write_beside_their_text_is_left_out() -> None:
    made: list[Any] = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "reasoning", "summary": []},
        {"type": "text", "text": "Hi."},
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
    ]
    messages = [HumanMessage("Hello"), AIMessage(made), HumanMessage("Q?")]
    assert read_conversation({"messages": messages}).earlier[-1] == ("assistant", "Hi.")


def test_the_oldest_turns_go_with_a_word(team: Any, say: Any, small: Any, caplog: pytest.LogCaptureFixture) -> None:
    graph = team(say(), context_length=9000).graph.compile()
    turns = [
        message for n in range(40) for message in (HumanMessage(f"turn {n} " + "x" * 200), AIMessage(f"reply {n}"))
    ]
    messages = [SystemMessage("Be brief."), *turns, HumanMessage("What is 2 + 2?")]
    context = {**small, "max_tokens": 1000}
    events, out = [], {}
    for mode, part in graph.stream({"messages": messages}, context=context, stream_mode=["custom", "values"]):
        if mode == "custom":
            events.append(part)
        else:
            out = part
    text = prompt(out)
    assert "Be brief." in text
    assert "turn 39" in text
    assert "turn 0 " not in text
    assert events[0]["dropped_turns"] > 0
    assert "oldest turns" in caplog.text


def test_a_system_message_that_takes_half_of_the_context_is_refused(team: Any, say: Any, small: Any) -> None:
    graph = team(say(), context_length=9000).graph.compile()
    with pytest.raises(InputError, match="the system message takes over half"):
        graph.invoke({"messages": [SystemMessage("x" * 6000), HumanMessage("What is 2 + 2?")]}, context=small)


def test_settings_in_the_configurable_are_applied(team: Any, say: Any) -> None:
    made = team(say())
    events = made.graph.compile().stream(
        {"question": "What is 2 + 2?"}, {"configurable": {"top_k": 3, "interval": 50}}, stream_mode="custom"
    )
    settings = next(iter(events))["settings"]
    assert (settings["top_k"], settings["interval"]) == (3, 50)


def test_a_graph_can_be_copied_and_shown_in_a_notebook(team: Any, say: Any, small: Any) -> None:
    graph = copy.deepcopy(team(say()).graph.compile())
    assert graph.invoke({"question": "What is 2 + 2?"}, context=small)["answer"] == "4"
    assert set(graph._repr_mimebundle_()) == {"text/plain", "text/html"}


@pytest.mark.parametrize("thread", ["a\x00b", "\ud800"])
def test_a_thread_id_that_no_store_holds_is_refused(team: Any, say: Any, thread: str) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    graph = team(say()).graph.compile(checkpointer=InMemorySaver())
    with pytest.raises(InputError, match="thread_id="):
        graph.invoke({"question": "What is 2 + 2?"}, {"configurable": {"thread_id": thread}})
