"""The shipped miniature on the real engine: it answers right."""

import asyncio
import gc
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from peerleap.engine import MINIATURE, VLLMEngine
from peerleap.graph import SchemaError, build_graph

pytestmark = pytest.mark.slow

QUESTIONS = {"What is 215 + 47 - 98 + 366 - 25?": "505", "What is 12 + 30 - 5 + 100?": "137"}


@pytest.fixture(scope="module")
def miniature(vllm: None) -> Iterator[VLLMEngine]:
    engine = VLLMEngine(MINIATURE, max_model_len=2048, enforce_eager=True)
    yield engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # vLLM leaves its sockets to the collector
        engine.close()
        gc.collect()


def test_it_answers_a_chain_sum_right(miniature: VLLMEngine) -> None:
    graph = build_graph(engine=miniature, paths=4).compile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        for question, right in QUESTIONS.items():
            out = asyncio.run(graph.ainvoke({"question": question}))
            assert out["answer"] == right


@pytest.mark.parametrize("talk", ["disagree", "probe"])
def test_probes_leave_nothing_in_the_histories_and_are_counted(miniature: VLLMEngine, record: Any, talk: str) -> None:
    engine = record(miniature)
    graph = build_graph(engine=engine, paths=4).compile()
    context = {"rounds": 3, "interval": 30, "talk": talk, "sampling": {"temperature": 1.4, "top_k": 0, "top_p": 1.0}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        out: Any = asyncio.run(graph.ainvoke({"question": next(iter(QUESTIONS))}, context=context))
    usage, records = out["usage"], out["rounds"]
    assert records
    assert all(set(one["probes"]) - set(one["routes"]) or one["majority"] is None for one in records)
    assert usage["requests"] == len(engine.completions)
    assert usage["generated"] == sum(len(done.token_ids) for _, done in engine.completions)
    assert usage["probe"] > 0
    histories = [[token for segment in h for token in segment["token_ids"]] for h in out["histories"].values()]
    outside = [ids for ids, _ in engine.completions if not any(h[: len(ids)] == ids for h in histories)]
    beside = [request for one in records for probe in one["probes"].values() for request in probe["requests"]]
    assert len(outside) == len(beside)
    if talk == "probe":
        assert not {"trigger", "summary", "comment"} & {s["kind"] for h in out["histories"].values() for s in h}


def test_an_answer_as_json_goes_on_from_the_cache(miniature: VLLMEngine, record: Any) -> None:
    engine = record(miniature)
    graph = build_graph(engine=engine, paths=2).compile()
    number = {"type": "integer", "minimum": 0, "maximum": 9999}
    schema = {"type": "object", "properties": {"answer": number}, "required": ["answer"], "additionalProperties": False}
    question = {"question": next(iter(QUESTIONS))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        out: Any = asyncio.run(graph.ainvoke(question, context={"json_schema": schema}))
        tried = len(engine.completions)
        wrong = {"type": "object", "properties": {"answer": {"type": "integr"}}}
        with pytest.raises(SchemaError, match="json_schema"):
            asyncio.run(graph.ainvoke(question, context={"json_schema": wrong}))
    found = json.loads(out["messages"][-1].content)
    assert list(found) == ["answer"]
    assert type(found["answer"]) is int
    assert out["answer"] == QUESTIONS[question["question"]]
    assert len(engine.completions) == tried, "nothing runs for a schema that vLLM refuses"
    (_, trial), *requests = engine.completions
    assert len(trial.token_ids) == 1
    assert out["usage"]["generated"] == sum(len(done.token_ids) for _, done in requests)
    ids, done = requests[-1]
    elected = out["votes"][0]["paths"][0]
    history = [token for segment in out["histories"][elected] for token in segment["token_ids"]]
    assert ids[: len(history)] == history
    assert done.cached_tokens > len(history) - 2 * 32, "all full blocks but the last"
