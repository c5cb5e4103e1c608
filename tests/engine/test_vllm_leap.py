"""A LeaP run on a real model: who reads what, and histories that are exact to the token."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import pytest

from peerleap.engine import Engine, VLLMEngine, decode
from peerleap.graph import build_graph
from tests.conftest import RecordingEngine

pytestmark = pytest.mark.slow

QUESTION = "A farmer has 12 sheep, buys 7 more and then sells 5. How many sheep has he?"
SHORT = {
    "interval": 24,
    "grace": 8,
    "summary_tokens": 24,
    "answer_tokens": 16,
    "rounds": 2,
    "top_k": 2,
    "max_tokens": 120,
    "budget_counts": "own",
}
OWN = {"thought", "summary", "answer"}


def run(engine: Any, seed: int) -> dict[str, Any]:
    graph: Any = build_graph(paths=4, engine=engine).compile()
    result: dict[str, Any] = graph.invoke({"question": QUESTION}, context={**SHORT, "seed": seed})
    return result


def ids(result: dict[str, Any]) -> dict[str, list[int]]:
    return {
        name: [t for segment in history for t in segment["token_ids"]] for name, history in result["histories"].items()
    }


@pytest.fixture(scope="module")
def recorder(record: Callable[[Engine], RecordingEngine], real_engine: VLLMEngine) -> RecordingEngine:
    return record(real_engine)


@pytest.fixture(scope="module")
def result(recorder: Any) -> dict[str, Any]:
    return run(recorder, 1)


def test_every_path_ends_and_two_blocks_are_held(result: dict[str, Any]) -> None:
    assert set(result["paths"]) == {"solver_1", "solver_2", "solver_3", "solver_4"}
    assert {path["status"] for path in result["paths"].values()} <= {"finished", "forced"}
    assert [record["round"] for record in result["rounds"]] == [0, 1]


def test_comments_hold_what_the_routes_say(result: dict[str, Any]) -> None:
    read = 0
    for record in result["rounds"]:
        for reader, sources in record["routes"].items():
            assert reader not in sources
            assert len(set(sources)) == len(sources) <= 2
            comments = [
                segment
                for segment in result["histories"][reader]
                if segment["kind"] == "comment" and segment["round"] == record["round"]
            ]
            assert [comment["sources"] for comment in comments] == ([sources] if sources else [])
            for name, summary in record["summaries"].items():
                words = summary["text"].split()
                # Control tokens are broken up on the way, so compare words of letters only.
                plain = [word for word in words if word.isalpha()]
                if name in sources:
                    read += 1
                    assert all(word in comments[0]["text"] for word in plain)
    assert read >= 8


def test_text_is_the_decoded_ids(result: dict[str, Any], real_engine: Any) -> None:
    for history in result["histories"].values():
        for segment in history:
            assert decode(real_engine.tokenizer, segment["token_ids"]) == segment["text"]


def test_every_request_continues_the_ids_before_it(result: dict[str, Any], recorder: Any) -> None:
    prompts = {tuple(prompt) for prompt in recorder.prompts}
    for history in result["histories"].values():
        before = list(accumulate((s["token_ids"] for s in history), initial=list[int]()))
        for segment, prefix in zip(history, before[:-1], strict=True):
            if segment["kind"] in OWN:
                assert tuple(prefix) in prompts
                assert segment["prompt_tokens"] == len(prefix)
    requests = sum(segment["kind"] in OWN for history in result["histories"].values() for segment in history)
    assert requests == len(recorder.prompts) == result["usage"]["requests"]


def test_generated_ids_are_the_engines(result: dict[str, Any], recorder: Any) -> None:
    given = set()
    for prompt, completion in recorder.completions:
        kept = completion.token_ids[:-1] if completion.ended_turn else completion.token_ids
        given.add((tuple(prompt), tuple(kept)))
    for history in result["histories"].values():
        prompt = list[int]()
        for segment in history:
            if segment["kind"] in OWN:
                assert (tuple(prompt), tuple(segment["token_ids"])) in given
            prompt += segment["token_ids"]


def test_continuations_hit_the_prefix_cache(result: dict[str, Any]) -> None:
    for history in result["histories"].values():
        own = [segment for segment in history if segment["kind"] in OWN]
        for before, after in pairwise(own):
            # All but the last block of what was sent before.
            assert after["cached_tokens"] >= before["prompt_tokens"] // 32 * 32 > 0


def test_same_seed_same_run_and_other_seed_another(result: dict[str, Any], real_engine: Any) -> None:
    again, other = run(real_engine, 1), run(real_engine, 2)
    assert ids(again) == ids(result)
    assert again["answer"] == result["answer"]
    assert [r["routes"] for r in again["rounds"]] == [r["routes"] for r in result["rounds"]]
    assert ids(other) != ids(result)


def test_async_run_is_the_sync_run(result: dict[str, Any], real_engine: Any) -> None:
    import asyncio

    graph: Any = build_graph(paths=4, engine=real_engine).compile()
    done = asyncio.run(graph.ainvoke({"question": QUESTION}, context={**SHORT, "seed": 1}))
    assert ids(done) == ids(result)
