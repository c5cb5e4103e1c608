"""A run's output as LangChain's message, whole or as the last chunk of a stream."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk

from peerleap.graph.chat.reply import cut_at, elected_thought, finish_reason, leap_fields
from peerleap.graph.chat.transcript import Piece
from peerleap.graph.compiled import CompiledLeapGraph
from peerleap.graph.state import LeapOutput


def reply_message(graph: CompiledLeapGraph, out: Mapping[str, Any], stops: Sequence[str]) -> AIMessage:
    """The answer, with the thought of a path that gave it.

    Args:
        graph: what has run.
        out: its output.
        stops: the answer ends before the first of these texts.
    """
    thought = elected_thought(graph, out)
    return AIMessage(**_fields(out, stops, {"reasoning_content": thought} if thought else {}))


def reply_chunk(piece: Piece | LeapOutput, stops: Sequence[str]) -> AIMessageChunk:
    """A piece of the thought, or, at the end, the answer.

    Args:
        piece: of `reply`.
        stops: the answer ends before the first of these texts.
    """
    if isinstance(piece, Piece):
        return AIMessageChunk(content="", additional_kwargs={"reasoning_content": piece.text})
    return AIMessageChunk(**_fields(piece, stops, {}), chunk_position="last")


def _fields(out: Mapping[str, Any], stops: Sequence[str], more: dict[str, Any]) -> dict[str, Any]:
    last = cast("AIMessage", out["messages"][-1])
    if (refusal := last.additional_kwargs.get("refusal")) is not None:
        more["refusal"] = refusal
    metadata = {**last.response_metadata, "finish_reason": finish_reason(out), "leap": leap_fields(out)}
    return {"content": cut_at(str(last.text), stops), "additional_kwargs": more, "response_metadata": metadata,
            "usage_metadata": last.usage_metadata}  # fmt: skip
