"""A trained model on one question, through the engine: the first sign that it loads, thinks and sums up by itself."""

from dataclasses import dataclass
from typing import Any

from peerleap.agents import Peer, prompts
from peerleap.engine import get_engine
from peerleap.graph import build_graph

QUESTION = "What is 12 + 30 - 5 + 8?"
_PATHS = 2
_MOST_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Trial:
    """What the model did."""

    question: str
    answer: str | None
    opened: int
    """Summaries that it began by itself: what LeaP-T training is for."""
    text: str
    """The history of the first path, without its prompt."""


def try_model(model: str, question: str = QUESTION, **engine_args: Any) -> Trial:
    """Let two paths of a model work on a question; summaries begin where the model opens them.

    Args:
        model: a folder, or the base model of adapters.
        question: for the paths.
        engine_args: vLLM's; `lora_path` is the folder of adapters.

    Raises:
        EngineError: the engine is missing, or did not start.
        AllPathsFailed: the model loads, and every path failed.
    """
    engine = get_engine(model, server="", **engine_args)  # no server has it yet
    # Half of the context is left for what a path reads and for its answer.
    budget = min(_MOST_TOKENS, engine.context_length // 2)
    settings = {
        "trigger": "model",
        "interval": max(1, budget // 2),
        "max_tokens": budget,
        "answer_tokens": max(1, budget // 8),
        "summary_tokens": max(1, budget // 8),
    }
    graph = build_graph(peers=[Peer(name="solver", count=_PATHS)], engine=engine).compile()
    out = graph.invoke({"question": question}, context=settings)
    histories = out["histories"]
    opened = sum(segment.get("finish") == "summarize" for history in histories.values() for segment in history)
    first = next(iter(histories.values()))
    return Trial(question, out["answer"], opened, "".join(segment["text"] for segment in first[1:]))


def opens_by_itself(trial: Trial) -> str:
    """What the trial says, in one sentence."""
    if trial.opened:
        return f"it opened {trial.opened} summaries by itself"
    return f"it opened no {prompts.SUMMARIZE} by itself: leave the trigger to the interval, or train longer"
