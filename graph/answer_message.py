from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata


def answer_message(outcome: Mapping[str, Any], model: str) -> AIMessage:
    """The run's answer as a message: reasoning and token counts where LangChain's own models put them.

    `content_blocks` shows the reasoning, the own thought of the first path that gave the answer. Models that read the
    message as history see the answer only.
    """
    answer, usage = outcome["answer"], outcome["usage"]
    elected = next((vote["paths"][0] for vote in outcome["votes"] if vote["answer"] == answer), None)
    history = outcome["histories"].get(elected, ())
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
