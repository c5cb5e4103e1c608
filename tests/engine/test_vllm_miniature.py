"""The shipped miniature on the real engine: it answers right, in LeaP's format, and reads its peers."""

import asyncio
import gc
import re
import warnings
from collections.abc import Iterator

import pytest

from peerleap.engine import MINIATURE, VLLMEngine
from peerleap.graph import build_graph

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


def test_it_answers_a_chain_sum_right_and_listens(miniature: VLLMEngine) -> None:
    graph = build_graph(engine=miniature, paths=4).compile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        for question, right in QUESTIONS.items():
            out = asyncio.run(graph.ainvoke({"question": question}))
            assert out["answer"] == right
    histories = [segments for name, segments in out["histories"].items()] if "histories" in out else []
    summaries = [segment["text"] for segments in histories for segment in segments if segment["kind"] == "summary"]
    assert all(re.fullmatch(r" After step [a-m] the value is \d+\.\n</summarize>", text) for text in summaries)
