"""The graph for callers that put the output into a model's context."""

from typing import Any

from langchain_core.messages import HumanMessage

from peerleap.agents import Peer
from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph
from peerleap.graph.state import Vote
from peerleap.graph.vote import short_votes


def graph(text: str) -> Any:
    engine = ScriptedEngine(lambda prompt, params: text)
    return build_graph(peers=[Peer(name="solver", count=3)], engine=engine, answer_only=True).compile()


def test_nothing_that_grows_with_the_thoughts(small: dict[str, Any]) -> None:
    out = graph("It goes on. " * 200 + r"\boxed{4}").invoke({"question": "What is 2 + 2?"}, context=small)
    assert set(out) == {"answer", "votes", "usage", "messages"}
    assert out["usage"]["generated"] > 1000
    assert "It goes on" not in str(out)


def test_message_without_reasoning() -> None:
    out = graph(r"So it is \boxed{4}").invoke({"messages": [HumanMessage("What is 2 + 2?")]})
    message = out["messages"][-1]
    assert (message.content, message.additional_kwargs) == ("4", {})
    assert message.usage_metadata["output_tokens"] == out["usage"]["generated"]


def test_whole_graph_keeps_everything() -> None:
    engine = ScriptedEngine(lambda prompt, params: r"So it is \boxed{4}")
    out = build_graph(paths=1, engine=engine).compile().invoke({"question": "What is 2 + 2?"})
    assert {"histories", "rounds", "paths"} <= set(out)
    assert "So it is" in out["messages"][-1].additional_kwargs["reasoning_content"]


def test_long_answers_are_cut_in_the_votes_only() -> None:
    text = "A long answer to a free question. " * 20
    out = graph(text).invoke({"question": "Why?"}, context={"task": "free"})
    (vote,) = out["votes"]
    assert len(out["answer"]) > 500
    assert (len(vote["answer"]), vote["answer"][-1]) == (200, "…")
    assert out["answer"].startswith(vote["answer"][:-1])
    assert vote["votes"] == 3


def test_short_answers_are_not_cut() -> None:
    votes = [Vote(answer="a" * size, votes=1, paths=[f"solver_{size}"], mean_tokens=1.0) for size in (1, 200, 201)]
    assert [len(vote["answer"]) for vote in short_votes(votes)] == [1, 200, 200]
    assert short_votes(votes)[1] == votes[1]
    assert len(votes[2]["answer"]) == 201
