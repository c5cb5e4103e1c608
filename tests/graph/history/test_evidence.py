"""What a path has checked travels with its summary, shows in the comment, and can be preferred."""

import hashlib
import json
from random import Random
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.agents import Peer
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph
from peerleap.graph.leap_block.routers import ROUTERS
from peerleap.graph.state import Summary

SETTINGS = {"interval": 100, "grace": 60, "summary_tokens": 64, "max_tokens": 8000, "answer_tokens": 60, "rounds": 1}


@tool("python")
def run_code(code: str) -> str:
    """Runs code."""
    if "boom" in code:
        raise RuntimeError("boom")
    return "42"


@tool("lookup")
def lookup(word: str) -> str:
    """Looks a word up."""
    return f"about {word}"


def write(prompt: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have 42.</summarize>"
    if not params.stop_token_ids:
        return "\\boxed{42}"
    if "</comment>\n" in prompt:
        return "Done.</think>"
    if "CODER" in prompt and "```output\n42" not in prompt:
        return "```python\nprint(6 * 7)\n```\n"
    if "FAILING" in prompt and "RuntimeError" not in prompt:
        return "```python\nboom\n```\n"
    if "SCOUT" in prompt and "about leap" not in prompt:
        return f"<tool_call>{json.dumps({'name': 'lookup', 'arguments': {'word': 'leap'}})}</tool_call>"
    return "I think. " * 100


def run(peers: list[Peer], **settings: Any) -> dict[str, Any]:
    graph: Any = build_graph(peers=peers, engine=ScriptedEngine(write, thinking=True)).compile()
    out: dict[str, Any] = graph.invoke({"question": "What is 6 * 7?"}, context={**SETTINGS, **settings})
    return out


TEAM = [
    Peer(name="solver"),
    Peer(name="coder", instructions="CODER", tools=[run_code]),
    Peer(name="scout", instructions="SCOUT", tools=[lookup]),
    Peer(name="failing", instructions="FAILING", tools=[run_code]),
]


def comment(out: dict[str, Any], path: str) -> str:
    return str(next(s["text"] for s in out["histories"][path] if s["kind"] == "comment"))


def test_a_summary_carries_what_its_path_has_checked() -> None:
    summaries = run(TEAM)["rounds"][0]["summaries"]
    digest = hashlib.sha256(b"42").hexdigest()
    assert summaries["coder_1"]["evidence"] == [{"tool": "python", "calls": 1, "digest": digest}]
    assert "evidence" not in summaries["solver_1"]
    assert "evidence" not in summaries["failing_1"]  # its code raised: nothing was checked


def test_the_comment_says_so() -> None:
    text = comment(run(TEAM, router="all"), "solver_1")
    assert 'Peer 2 (coder, ran code): "I have 42."' in text
    assert 'Peer 3 (scout, used lookup): "I have 42."' in text
    assert 'Peer 4 (failing): "I have 42."' in text


def test_a_team_of_one_kind_shows_evidence_without_its_name() -> None:
    text = comment(run([Peer(name="coder", count=2, instructions="CODER", tools=[run_code])]), "coder_1")
    assert 'Peer 2 (ran code): "I have 42."' in text


def test_a_finished_path_keeps_its_evidence() -> None:
    def write_one(prompt: str, params: SamplingParams) -> str:
        if "CODER" in prompt and "```output\n42" in prompt and params.stop_token_ids:
            return "Done.</think>"
        return write(prompt, params)

    graph: Any = build_graph(peers=TEAM[:2], engine=ScriptedEngine(write_one, thinking=True)).compile()
    out = graph.invoke({"question": "What is 6 * 7?"}, context=SETTINGS)
    assert out["rounds"][0]["summaries"]["coder_1"]["evidence"][0]["calls"] == 1
    assert 'Peer 2 (coder, ran code): "I have finished.' in comment(out, "solver_1")


def test_fields_of_a_foreign_artifact_mean_nothing() -> None:
    @tool("lookup", response_format="content_and_artifact")
    def stock(word: str) -> tuple[str, dict[str, Any]]:
        """Reads a sheet."""
        return f"about {word}", {"cell": object(), "lost": ["a pen"], "unavailable": [], "printed": "4", "sha256": "no"}

    team = [Peer(name="solver"), Peer(name="scout", instructions="SCOUT", tools=[stock])]
    graph: Any = build_graph(peers=team, engine=ScriptedEngine(write, thinking=True)).compile(
        checkpointer=InMemorySaver()
    )
    config = {"configurable": {"thread_id": "a"}}
    out = graph.invoke({"question": "What is 6 * 7?"}, config, context=SETTINGS)
    (record,) = [segment["tool"] for segment in out["histories"]["scout_1"] if segment["kind"] == "tool"]
    assert record["status"] == "ok"
    assert record["digest"] == hashlib.sha256(b"about leap").hexdigest()
    assert not {"cell", "lost", "printed"} & set(record)


def test_the_router_prefers_what_was_checked() -> None:
    routes = run(TEAM, router="evidence", top_k=2)["rounds"][0]["routes"]
    assert set(routes["solver_1"]) == {"coder_1", "scout_1"}
    assert routes["coder_1"][0] == "scout_1"


@pytest.mark.parametrize(
    ("checked", "k", "expected"),
    [
        ([False, False, True, False], 2, [2, 1]),
        ([False, True, True, True], 3, [1, 3, 2]),
        ([False] * 4, 2, [1, 3]),
    ],
)
def test_evidence_then_dispersed(checked: list[bool], k: int, expected: list[int]) -> None:
    nothing: Summary = {"text": "", "tokens": 0, "cut": False}
    something: Summary = {**nothing, "evidence": [{"tool": "python", "calls": 1, "digest": "0"}]}
    summaries = [something if one else nothing for one in checked]
    assert ROUTERS["evidence"]([1.0, 0.1, 0.9, 0.5], [1, 2, 3], k, Random(0), summaries) == expected
