"""The shipped miniature on the real engine: it answers right."""

import asyncio
import gc
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


def test_it_answers_a_chain_sum_right(miniature: VLLMEngine) -> None:
    graph = build_graph(engine=miniature, paths=4).compile()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
        for question, right in QUESTIONS.items():
            out = asyncio.run(graph.ainvoke({"question": question}))
            assert out["answer"] == right
