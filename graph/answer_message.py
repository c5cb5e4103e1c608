from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from peerleap.graph.state import Vote

# Enough to tell two answers apart.
_SHORT = 200


def answer_message(outcome: Mapping[str, Any], model: str, *, reasoning: bool = True) -> AIMessage:
    """The run's answer as a message: reasoning and token counts where LangChain's own models put them.

    `content_blocks` shows the reasoning, the own thought of the first path that gave the answer. Models that read the
    message as history see the answer only.
    """
    answer, usage = outcome["answer"], outcome["usage"]
    elected = next((vote["paths"][0] for vote in outcome["votes"] if vote["answer"] == answer), None)
    history = outcome["histories"].get(elected, ()) if reasoning else ()
    thought = "".join(segment["text"] for segment in history if segment["kind"] == "thought")
    return AIMessage(
        content=answer or "",
        name="leap",
        additional_kwargs={"reasoning_content": thought.replace("\x00", "")} if thought else {},
        response_metadata={"model_name": model},
        usage_metadata=UsageMetadata(
            input_tokens=usage["prefill"],
            output_tokens=usage["generated"],
            total_tokens=usage["prefill"] + usage["generated"],
            input_token_details=InputTokenDetails(cache_read=usage["cached"]),
            output_token_details=OutputTokenDetails(reasoning=usage["thought"] + usage["summary"]),
        ),
    )


def short_votes(votes: Sequence[Vote]) -> list[Vote]:
    """The votes with long answers cut: those of a free question are whole texts, and there may be many."""
    cut = {vote["answer"]: vote["answer"][: _SHORT - 1] + "…" for vote in votes if len(vote["answer"]) > _SHORT}
    return [Vote(**{**vote, "answer": cut.get(vote["answer"], vote["answer"])}) for vote in votes]
