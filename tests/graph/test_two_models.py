"""Two real models in one graph: an engine each, comments both ways, and no process left behind."""

import asyncio
import gc
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peerleap.agents import Peer, prompts
from peerleap.engine import EMBEDDED, SamplingParams, close_engines, decode, registry
from peerleap.engine.shipped.embedded import embedded_folder
from peerleap.graph import build_graph

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

TEMPLATE = "{% for m in messages %}### {{ m.role }}\n{{ m.content }}\n{% endfor %}### assistant"
# 46 KiB a token: room for these short histories, and no more memory than needed.
ENGINE = {"max_model_len": 1024, "kv_cache_memory_bytes": 128 << 20}
SETTINGS = {
    "interval": 6,
    "cut": "exact",
    "rounds": 1,
    "summary_tokens": 24,
    "answer_tokens": 8,
    "max_tokens": 160,
    "sampling": {"temperature": 0},
}


@pytest.fixture(scope="module")
def twin(vllm: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model's weights as another model: another folder, chat template, and end of turn."""
    folder = tmp_path_factory.mktemp("models") / "twin"
    folder.mkdir()
    for file in embedded_folder().iterdir():
        (folder / file.name).symlink_to(file)
    own = {"chat_template.jinja": TEMPLATE, "generation_config.json": json.dumps({"eos_token_id": [2, _id(" Paris")]})}
    for name, text in own.items():
        (folder / name).unlink()
        (folder / name).write_text(text)
    return folder


def _id(word: str) -> int:
    from transformers import AutoTokenizer

    (token,) = AutoTokenizer.from_pretrained(embedded_folder()).encode(word, add_special_tokens=False)
    return int(token)


@pytest.fixture(scope="module")
def run(twin: Path, engine_processes: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any], set[int]]]:
    """The run's output, the engines by model, and their processes; the engines are closed at the end of the module."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported, and leave sockets behind
        patch.setattr(registry, "_engines", {})
        patch.delenv("PEERLEAP_MODEL", raising=False)
        before = engine_processes(os.getpid())
        peers = [Peer(name="solver", engine_args=ENGINE), Peer(name="twin", model=str(twin), engine_args=ENGINE)]
        graph: Any = build_graph(peers=peers).compile()
        try:
            out = graph.invoke({"question": "What is 17 + 6?"}, context=SETTINGS)
            engines = {engine.model: engine for engine in registry._engines.values()}
            yield out, engines, engine_processes(os.getpid()) - before
        finally:
            close_engines()
            gc.collect()


def test_each_model_has_an_engine(run: Any, twin: Path) -> None:
    _, engines, _ = run
    assert set(engines) == {EMBEDDED, str(twin)}
    assert not any(engine.closed or engine.unfinished() for engine in engines.values())


def test_each_path_writes_with_its_own_model(run: Any, twin: Path) -> None:
    out, engines, _ = run
    own, other = (out["histories"][path][0]["text"] for path in ("solver_1", "twin_1"))
    assert own.startswith("<|im_start|>")
    assert other.startswith("### user\n")
    assert {path["status"] for path in out["paths"].values()} <= {"finished", "forced"}
    for path, model in (("solver_1", EMBEDDED), ("twin_1", str(twin))):
        for segment in out["histories"][path]:
            assert decode(engines[model].tokenizer, segment["token_ids"]) == segment["text"]
        first = next(segment for segment in out["histories"][path] if segment["kind"] == "thought")
        assert (first["round"], len(first["token_ids"])) == (0, SETTINGS["interval"])


def test_what_each_has_found_crosses_over(run: Any) -> None:
    out, _, _ = run
    (record,) = out["rounds"]
    assert record["routes"] == {"solver_1": ["twin_1"], "twin_1": ["solver_1"]}
    for reader, number, source in (("solver_1", 2, "twin"), ("twin_1", 1, "solver")):
        (comment,) = [segment for segment in out["histories"][reader] if segment["kind"] == "comment"]
        said = comment["text"].removeprefix(f"\n\n{prompts.COMMENT}\n").partition(f"\n{prompts.COMMENT_END}")[0]
        assert said.startswith(f"Peer {number} ({source}): ")
        words = [word for word in record["summaries"][f"{source}_1"]["text"].split() if word.isalnum()]
        assert words
        assert all(word in said for word in words)


def test_a_turn_ends_where_the_model_says(run: Any, twin: Path) -> None:
    """Its generation config has more tokens that end a turn than its tokenizer."""
    _, engines, _ = run
    ended = {}
    for name in (EMBEDDED, str(twin)):
        ids = engines[name].tokenizer.encode("The capital of France is the city of")
        ended[name] = asyncio.run(engines[name].generate(ids, SamplingParams(max_tokens=4, temperature=0)))
    assert ended[str(twin)].text.endswith(" Paris")
    assert ended[str(twin)].ended_turn
    assert ended[EMBEDDED].text.startswith(ended[str(twin)].text)
    assert not ended[EMBEDDED].ended_turn


def test_each_has_processes_of_its_own_and_leaves_none(run: Any, alive: Any) -> None:
    _, engines, processes = run
    assert alive(processes) == processes
    engines[EMBEDDED].close()
    assert 0 < len(alive(processes)) < len(processes)
    close_engines()
    assert all(engine.closed for engine in engines.values())
    assert not alive(processes)
