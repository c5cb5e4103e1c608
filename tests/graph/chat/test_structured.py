"""An answer as JSON: from the ids of a path that gave it, under a constraint, counted; or a clear refusal."""

import json
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from peerleap.agents import Peer
from peerleap.engine import EngineError, SamplingParams, ScriptedEngine
from peerleap.graph import AllPathsFailed, ChatLeaP, SettingsError, build_graph
from peerleap.graph.history import history_ids

QUESTION = "What is 6 * 7?"
PLAIN = {"type": "object", "properties": {"answer": {"type": "integer"}}}


class Answer(BaseModel):
    """What was asked."""

    answer: int = Field(description="the number")


class AnswerDict(TypedDict):
    """What was asked."""

    answer: int


class Unfit(BaseModel):
    answer: list[int]


class Writer:
    """A script: what each request writes."""

    def __init__(self, thought: str = "So it is.</think>It is \\boxed{42}.", as_json: str = '{"answer": 42}') -> None:
        self.thought, self.as_json = thought, as_json

    def __call__(self, prompt: str, params: SamplingParams) -> str:
        if params.structured_outputs is not None:
            return self.as_json
        return "}" if prompt.endswith("\\boxed{") else self.thought


def made(
    writer: Any = None, *, paths: int = 2, settings: Any = None, **options: Any
) -> tuple[ScriptedEngine, ChatLeaP]:
    engine = ScriptedEngine(writer or Writer(), thinking=True, **options)
    return engine, ChatLeaP(graph=build_graph(paths=paths, engine=engine).compile(), settings=settings)


def requests(engine: ScriptedEngine) -> list[str]:
    """What was asked for: `try`, `json` or `words`."""
    kinds = {True: "try", False: "json"}
    return ["words" if p.structured_outputs is None else kinds[p.max_tokens == 1] for _, p in engine.requests]


@pytest.mark.parametrize(
    ("schema", "read"),
    [
        (Answer, Answer(answer=42)),
        (AnswerDict, {"answer": 42}),
        (Answer.model_json_schema(), {"answer": 42}),
        (PLAIN, {"answer": 42}),
        ({"name": "answer", "parameters": PLAIN}, {"answer": 42}),
    ],
)
async def test_schemas_of_every_kind(schema: Any, read: Any) -> None:
    _, chat = made()
    structured = chat.with_structured_output(schema)
    assert structured.invoke(QUESTION) == read
    assert await structured.ainvoke(QUESTION) == read
    assert list(structured.stream(QUESTION)) == [read]
    assert [chunk async for chunk in structured.astream(QUESTION)] == [read]


def test_one_more_request_goes_on_from_the_elected_path() -> None:
    engine, chat = made(paths=3)
    out: Any = chat.graph.invoke({"question": QUESTION}, context={"json_schema": Answer.model_json_schema()})
    assert (out["answer"], out["messages"][-1].content) == ("42", '{"answer": 42}')
    assert requests(engine) == ["try", *["words"] * 6, "json"]
    ids, params = engine.requests[-1]
    history = history_ids(out["histories"]["solver_1"])
    assert ids[: len(history)] == history
    bridge = engine.tokenizer.decode(ids[len(history) :])
    assert "JSON" in bridge
    assert '"description": "the number"' in bridge, "the model reads what the fields mean"
    assert params.temperature == 0
    assert params.seed is not None
    assert json.loads(params.structured_outputs.json) == Answer.model_json_schema()  # type: ignore[union-attr]
    path = engine.sessions[-1]
    assert path is not None
    assert path.endswith("/solver_1")
    assert path in engine.sessions[1:-1], "where its cache is"


def test_its_tokens_are_counted_and_the_history_stays() -> None:
    engine, chat = made()
    plain: Any = chat.graph.invoke({"question": QUESTION})
    out: Any = chat.graph.invoke({"question": QUESTION}, context={"json_schema": Answer.model_json_schema()})
    for path, history in plain["histories"].items():
        assert [s["token_ids"] for s in out["histories"][path]] == [s["token_ids"] for s in history]
    tokens, sent = len('{"answer": 42}') + 1, len(engine.requests[-1][0])
    for usage, before in (
        (out["usage"], plain["usage"]),
        (out["paths"]["solver_1"]["usage"], plain["paths"]["solver_1"]["usage"]),
    ):
        assert usage["probe"] == tokens
        assert usage["generated"] == before["generated"] + tokens
        assert usage["requests"] == before["requests"] + 1
        assert usage["prefill"] == before["prefill"] + sent
    assert "probe" not in out["paths"]["solver_2"]["usage"]
    assert out["messages"][-1].usage_metadata["output_tokens"] == out["usage"]["generated"]


def test_include_raw() -> None:
    _, chat = made()
    found: Any = chat.with_structured_output(Answer, include_raw=True).invoke(QUESTION)
    assert (found["parsed"], found["parsing_error"]) == (Answer(answer=42), None)
    assert found["raw"].content == '{"answer": 42}'
    assert found["raw"].response_metadata["leap"]["answer"] == "42"
    unfit: Any = chat.with_structured_output(Unfit, include_raw=True).invoke(QUESTION)
    assert unfit["parsed"] is None
    assert isinstance(unfit["parsing_error"], OutputParserException)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "function_calling"}, "method='function_calling'"),
        ({"method": "json_mode"}, "method='json_mode'"),
        ({"tools": []}, "tools="),
    ],
)
def test_other_methods_are_refused_by_name(options: Any, words: str) -> None:
    _, chat = made()
    with pytest.raises(ValueError, match=words):
        chat.with_structured_output(Answer, **options)
    assert chat.with_structured_output(Answer, strict=True).invoke(QUESTION) == Answer(answer=42)


@pytest.mark.parametrize("schema", [None, 3, "{", {"title": "x", "type": {1, 2}}])
def test_what_is_no_schema_is_refused_at_once(schema: Any) -> None:
    engine, chat = made()
    with pytest.raises(ValueError, match="schema"):
        chat.with_structured_output(schema)
    assert engine.requests == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [("{", "Expecting"), ("[]", "object"), ({"a": float("nan")}, "JSON"), ({"a": "x" * 40_000}, "characters"),
     ({"a": "\ud800"}, "half a character")],
)  # fmt: skip
def test_a_setting_that_is_no_schema(schema: Any, words: str) -> None:
    engine, chat = made()
    with pytest.raises(SettingsError, match=words):
        chat.graph.invoke({"question": QUESTION}, context={"json_schema": schema})
    assert engine.requests == []


def test_an_engine_that_cannot_is_refused_before_a_path_runs() -> None:
    engine, chat = made(lambda _prompt, _params: "It is \\boxed{42}.")
    with pytest.raises(SettingsError, match=r"json_schema: .*the script writes"):
        chat.with_structured_output(Answer).invoke(QUESTION)
    assert requests(engine) == ["try"]


def test_an_engine_is_tried_once_for_a_schema() -> None:
    engine, chat = made()
    structured = chat.with_structured_output(Answer)
    assert structured.invoke(QUESTION) == structured.invoke(QUESTION)
    assert requests(engine).count("try") == 1
    chat.with_structured_output(AnswerDict).invoke(QUESTION)
    assert requests(engine).count("try") == 2


def test_every_engine_of_a_team_is_tried() -> None:
    able = ScriptedEngine(Writer(), thinking=True)
    unable = ScriptedEngine(lambda _prompt, _params: "It is \\boxed{42}.", thinking=True)
    peers = [Peer(name="one"), Peer(name="two")]
    chat = ChatLeaP(graph=build_graph(peers=peers, engine={"one": able, "two": unable}).compile())
    with pytest.raises(SettingsError, match="the script writes"):
        chat.with_structured_output(Answer).invoke(QUESTION)


def test_without_an_answer_nothing_is_made_up() -> None:
    engine, chat = made(Writer(thought="I cannot find it.</think>I do not know."))
    structured = chat.with_structured_output(Answer)
    found: Any = chat.with_structured_output(Answer, include_raw=True).invoke(QUESTION)
    assert (found["raw"].content, found["parsed"]) == ("", None)
    assert "no path has found an answer" in found["raw"].additional_kwargs["refusal"]
    with pytest.raises(OutputParserException, match="no path has found an answer"):
        structured.invoke(QUESTION)
    with pytest.raises(OutputParserException, match="no path has found an answer"):
        list(structured.stream(QUESTION))
    assert "json" not in requests(engine)


def test_cut_json_is_no_answer() -> None:
    long = json.dumps({"answer": "4" * 2000})
    _, chat = made(Writer(as_json=long), settings={"answer_tokens": 60})
    found: Any = chat.with_structured_output(AnswerDict, include_raw=True).invoke(QUESTION)
    assert found["raw"].response_metadata["finish_reason"] == "length"
    assert found["raw"].content == long[:1024]
    assert "cut at the token limit" in str(found["parsing_error"])


def test_an_engine_that_drops_the_constraint_is_found_out() -> None:
    class Dropping(ScriptedEngine):
        async def generate(self, token_ids: Any, params: SamplingParams, **options: Any) -> Any:
            from dataclasses import replace

            return await super().generate(token_ids, replace(params, structured_outputs=None), **options)

    engine = Dropping(Writer(), thinking=True)
    with pytest.raises(EngineError, match="structured_outputs"):
        build_graph(paths=1, engine=engine).compile().invoke({"question": QUESTION}, context={"json_schema": {}})


def test_a_stop_would_cut_json() -> None:
    engine, chat = made()
    with pytest.raises(SettingsError, match="stop"):
        chat.with_structured_output(Answer).invoke(QUESTION, stop=["4"])
    assert engine.requests == []


def test_a_thought_that_was_left_open_is_closed_first() -> None:
    engine, chat = made(Writer(thought="It is \\boxed{42}."), paths=1)
    chat.with_structured_output(Answer).invoke(QUESTION)
    end = engine.tokenizer.decode(engine.requests[-1][0]).rpartition("\\boxed{42}.")[2]
    assert end.startswith("\n</think>")
    assert end.count("</think>") == 1


def test_room_for_json_is_kept_in_the_context() -> None:
    engine, chat = made(context_length=3000, settings={"answer_tokens": 100, "rounds": 0})
    chat.with_structured_output(Answer).invoke(QUESTION)
    budget = next(params.max_tokens for _, params in engine.requests if params.structured_outputs is None)
    ids, params = engine.requests[-1]
    assert len(ids) + params.max_tokens <= 3000
    engine.requests.clear()
    chat.invoke(QUESTION)
    assert engine.requests[0][1].max_tokens >= budget + 100
    with pytest.raises(SettingsError, match="json_schema, answer_tokens"):
        chat.graph.invoke(
            {"question": QUESTION}, context={"json_schema": {"title": "x" * 3000}, "answer_tokens": 100, "rounds": 0}
        )


def test_a_run_in_which_every_path_fails_stays_an_error() -> None:
    class Failing(ScriptedEngine):
        async def generate(self, token_ids: Any, params: SamplingParams, **options: Any) -> Any:
            if params.structured_outputs is None:
                raise EngineError("gone")
            return await super().generate(token_ids, params, **options)

    with pytest.raises(AllPathsFailed, match="gone"):
        build_graph(paths=1, engine=Failing(Writer(), thinking=True)).compile().invoke(
            {"question": QUESTION}, context={"json_schema": {}}
        )
