"""`ChatLeaP`: replies, streams, what is refused, and a graph or an agent around it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, trim_messages
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import ValidationError

from peerleap.agents import Peer, Sampling
from peerleap.graph import ChatLeaP, InputError, Settings, SettingsError, as_settings, build_graph
from tests.graph.conftest import Team

QUESTION = "What is 2 + 2?"


def writer(call: Any) -> str:
    if call.stage == "summary":
        return f"I have {call.path}.</summarize>"
    if call.stage == "thought" and call.round == 0:
        return "So it goes on. " * 200
    return "So </think>it is \\boxed{4}" if call.stage == "thought" else "It is \\boxed{4}"


@pytest.fixture
def made(team: Callable[..., Team]) -> Team:
    return team(writer, paths=2, thinking=True)


@pytest.fixture
def model(made: Team, small: dict[str, Any]) -> ChatLeaP:
    return ChatLeaP(graph=made.graph.compile(), settings=as_settings({**small, "rounds": 1}))


def joined(chunks: list[Any]) -> Any:
    first, *others = chunks
    for chunk in others:
        first += chunk
    return first


def test_a_reply(model: ChatLeaP) -> None:
    message = model.invoke(QUESTION)
    assert message.content == "4"
    assert message.additional_kwargs["reasoning_content"].startswith("So it goes on.")
    assert message.additional_kwargs["reasoning_content"].endswith("So")  # not `</think>`
    assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
    leap = message.response_metadata["leap"]
    assert leap["votes"] == {"4": 2}
    assert leap["paths"]["solver_2"] == {"status": "finished", "answer": "4"}
    assert (leap["blocks"], message.response_metadata["finish_reason"]) == (1, "stop")
    usage: Any = message.usage_metadata
    assert usage["output_tokens"] == leap["usage"]["generated"]
    assert 0 < usage["output_token_details"]["reasoning"] <= usage["output_tokens"]


async def test_streams_agree_with_the_reply(model: ChatLeaP) -> None:
    message: Any = model.invoke(QUESTION)
    chunks = list(model.stream(QUESTION))
    assert len(chunks) > 4
    async_chunks = [chunk async for chunk in model.astream(QUESTION)]
    for whole in (joined(chunks), joined(async_chunks)):
        assert whole.content == message.content
        assert whole.usage_metadata["output_tokens"] == message.usage_metadata["output_tokens"]
        for key in ("votes", "paths", "blocks"):
            assert whole.response_metadata["leap"][key] == message.response_metadata["leap"][key]
        assert whole.additional_kwargs["reasoning_content"].startswith("So it goes on.")
        assert "LeaP block 1" in whole.additional_kwargs["reasoning_content"]


async def test_events(model: ChatLeaP) -> None:
    chunks = [
        event["data"]["chunk"]
        async for event in model.astream_events(QUESTION, version="v2")
        if event["event"] == "on_chat_model_stream" and not event["parent_ids"]
    ]
    assert joined(chunks).content == "4"


def test_options_of_a_call(model: ChatLeaP, made: Any) -> None:
    model.invoke(QUESTION, temperature=0.1, top_p=0.7, max_tokens=500)
    params = made.engine.calls[0].params
    assert (params.temperature, params.top_p) == (0.1, 0.7)
    tracing = model._get_ls_params(temperature=0.3, max_tokens=9, stop=["x"])
    assert (tracing["ls_temperature"], tracing["ls_max_tokens"], tracing["ls_stop"]) == (0.3, 9, ["x"])


def test_stop_cuts_the_answer(made: Any, small: Any) -> None:
    model = ChatLeaP(graph=made.graph.compile(), settings=as_settings({**small, "rounds": 0}), stop=["4"])
    assert model.invoke(QUESTION).content == ""
    assert model.invoke(QUESTION, stop=["x"]).content == "4"
    assert joined(list(model.stream(QUESTION))).content == ""


def test_a_stop_that_is_one_text_is_not_its_letters(team: Any, small: Any) -> None:
    made = team(
        lambda call: "So </think>it is \\boxed{1234}" if call.stage == "thought" else "\\boxed{1234}", thinking=True
    )
    model = ChatLeaP(graph=made.graph.compile(), settings=as_settings({**small, "rounds": 0}))
    stop: Any = "31"
    assert model.invoke(QUESTION, stop=stop).content == model.bind(stop=stop).invoke(QUESTION).content == "1234"
    assert model.invoke(QUESTION, stop="34").content == "12"  # type: ignore[arg-type]
    assert joined(list(model.stream(QUESTION, stop="34"))).content == "12"  # type: ignore[arg-type]
    for wrong in (3, [3]):
        with pytest.raises(SettingsError, match="stop="):
            model.invoke(QUESTION, stop=wrong)  # type: ignore[arg-type]


def test_every_setting_by_its_name(model: ChatLeaP, made: Any, small: Any) -> None:
    model.invoke(QUESTION, sampling={"min_p": 0.2, "top_p": 0.4}, temperature=0.1, top_p=0.7)
    params = made.engine.calls[-1].params
    assert (params.temperature, params.top_p, params.min_p) == (0.1, 0.4, 0.2)
    for settings in ({"sampling": {"min_p": 0.3}}, Settings(sampling={"min_p": 0.3})):  # type: ignore[arg-type]
        model.invoke(QUESTION, settings=settings, sampling={"min_p": 0.2, "top_p": 0.4})
        params = made.engine.calls[-1].params
        assert (params.top_p, params.min_p) == (0.4, 0.3)
    with pytest.raises(SettingsError, match="context='x'"):
        model.invoke(QUESTION, settings="x")


def test_a_cache_keeps_models_apart(team: Any, small: Any) -> None:
    cache, engine = InMemoryCache(), team(writer, thinking=True).engine

    def requests(**options: Any) -> int:
        graph = build_graph(peers=options.pop("peers", [Peer(name="solver", count=2)]), engine=engine).compile()
        before = len(engine.calls)
        ChatLeaP(graph=graph, cache=cache, **{"settings": small, **options}).invoke(QUESTION)
        return len(engine.calls) - before

    assert requests() > 0
    assert requests() == 0
    others: list[dict[str, Any]] = [
        {"stop": ["4"]}, {"temperature": 0.1}, {"max_tokens": 300}, {"thoughts": "none"},
        {"settings": {**small, "top_k": 1}}, {"peers": [Peer(name="solver", count=3)]},
        {"peers": [Peer(name="solver", count=2, instructions="Be odd.")]},
        {"peers": [Peer(name="solver", count=2, sampling=Sampling(min_p=0.1))]},
        {"peers": [Peer(name="solver"), Peer(name="other")]},
    ]  # fmt: skip
    for options in others:
        assert requests(**options) > 0, options
        assert requests(**options) == 0, options


def test_tokens_are_counted_by_the_models_own_tokenizer(model: ChatLeaP) -> None:
    assert model.get_num_tokens("hello é") == 8
    talk = [HumanMessage("x" * 500), AIMessage("b"), HumanMessage("c")]
    assert trim_messages(talk, max_tokens=100, token_counter=model, strategy="last") == talk[1:]


def test_whose_thoughts_are_shown(model: ChatLeaP) -> None:
    every = joined(list(model.stream(QUESTION, thoughts="all"))).additional_kwargs["reasoning_content"]
    assert "solver_2: So it goes on." in every
    assert "reasoning_content" not in joined(list(model.stream(QUESTION, thoughts="none"))).additional_kwargs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thoughts": "some"}, "thoughts='some'"),
        ({"top_k": 0}, "top_k=0"),
        ({"temperature": 3}, "temperature=3"),
        ({"topk": 2}, "'topk' is not a setting"),
        ({"tools": [{}]}, "Peer"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"settings": {"interval": 0}}, "interval=0"),
        ({"human_peer": True}, "checkpointer"),
    ],
)
def test_a_bad_option_is_refused_by_name(model: ChatLeaP, options: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        model.invoke(QUESTION, **options)
    with pytest.raises(SettingsError, match=words):
        list(model.stream(QUESTION, **options))


@pytest.mark.parametrize("extra", [{"temperature": 3}, {"max_tokens": 0}, {"api_key": "x"}, {"thoughts": "some"}])
def test_a_bad_model_is_refused(made: Any, extra: Any) -> None:
    with pytest.raises(ValidationError, match=next(iter(extra))):
        ChatLeaP(graph=made.graph.compile(), **extra)


def test_a_graph_with_a_checkpointer_is_refused(made: Any) -> None:
    with pytest.raises(ValidationError, match="checkpointer"):
        ChatLeaP(graph=made.graph.compile(checkpointer=InMemorySaver()))


def test_tools_are_refused_with_a_cure(model: ChatLeaP) -> None:
    with pytest.raises(NotImplementedError, match=r"Peer\("):
        model.bind_tools([lambda x: x])


def test_an_image_is_refused(model: ChatLeaP) -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    with pytest.raises(InputError, match="image"):
        model.invoke([HumanMessage([part])])


def outer(model: ChatLeaP, checkpointer: Any = None) -> Any:
    async def node(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", node)
    graph.add_edge(START, "chat")
    return graph.compile(checkpointer=checkpointer)


async def test_in_a_node_of_another_graph_only_its_own_text_streams(model: ChatLeaP) -> None:
    inputs: Any = {"messages": [HumanMessage(QUESTION)]}
    parts = [part async for part in outer(model).astream(inputs, stream_mode="messages")]
    assert {meta["langgraph_node"] for _, meta in parts} == {"chat"}
    chunks = [message for message, _ in parts if isinstance(message, AIMessageChunk)]
    whole = joined(chunks)
    assert whole.content == "4"
    assert "So it goes on." in whole.additional_kwargs["reasoning_content"]


async def test_turns_under_a_checkpointer_of_another_graph(model: ChatLeaP, made: Any) -> None:
    graph, config = outer(model, InMemorySaver()), {"configurable": {"thread_id": "1"}}
    for turn in (QUESTION, "And times 3?"):
        out = await graph.ainvoke({"messages": [HumanMessage(turn)]}, config)
    assert [type(message) for message in out["messages"]] == [HumanMessage, AIMessage] * 2
    last = [call.prompt for call in made.engine.calls if "And times 3?" in call.prompt]
    assert all(QUESTION in prompt for prompt in last)
    assert last


async def test_two_calls_in_one_node(model: ChatLeaP) -> None:
    async def node(state: MessagesState) -> Any:
        return {"messages": await asyncio.gather(*(model.ainvoke(state["messages"]) for _ in range(2)))}

    graph = StateGraph(MessagesState)
    graph.add_node("chat", node)
    graph.add_edge(START, "chat")
    config: Any = {"configurable": {"thread_id": "1"}}
    out = await graph.compile(checkpointer=InMemorySaver()).ainvoke({"messages": [HumanMessage(QUESTION)]}, config)
    assert [message.text for message in out["messages"]] == [QUESTION, "4", "4"]


def test_as_the_model_of_an_agent(model: ChatLeaP) -> None:
    from langchain.agents import create_agent

    out = create_agent(model, system_prompt="Be brief.").invoke({"messages": [HumanMessage(QUESTION)]})
    assert out["messages"][-1].text == "4"


async def test_leaving_a_stream_ends_the_requests(team: Any, small: Any, wait_until: Any) -> None:
    made = team(writer, paths=3, thinking=True, tokens_per_second=400)
    model = ChatLeaP(graph=made.graph.compile(), settings=small)
    async for _ in model.astream(QUESTION):
        break
    while made.engine.running:
        await asyncio.sleep(0.01)
    before = len(made.engine.calls)
    await asyncio.sleep(0.05)
    assert len(made.engine.calls) == before
