"""A path's answer once more, as JSON: one request behind its history, which the engine holds to a schema."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from peerleap.agents import prompts
from peerleap.engine import Engine, EngineError, RequestRefused, SamplingParams, StructuredOutputsParams, encode
from peerleap.graph.errors import SchemaError
from peerleap.graph.history import BesideRequest, Segment, beside, sent_tokens
from peerleap.graph.path.path import Path
from peerleap.graph.path.turn import Turn

# JSON of an answer is longer than the answer: it may take this many tokens where the context has room for them.
_TOKENS = 1024


class JSONAnswer(NamedTuple):
    """What a path wrote."""

    text: str
    """JSON that fits the schema; its beginning where it is `cut`."""
    cut: bool
    """The token limit ended it."""
    requests: list[BesideRequest]
    """What it cost."""


async def json_answer(path: Path, history: Sequence[Segment], schema: str, turn: Turn) -> JSONAnswer:
    """Let a path that has answered write its answer as JSON; its history stays as it is.

    Args:
        path: the path.
        history: its history, up to its answer.
        schema: a JSON schema, as text.
        turn: the node's.

    Raises:
        EngineError: the engine cannot do it, or what it has written is no JSON.
    """
    request = [*history, path.insert("nudge", turn.round, _bridge(path, history, schema))]
    room = path.engine.context_length - sent_tokens(request)
    limit = max(1, min(max(path.settings.answer_tokens, _TOKENS), room))
    written = await path.generate("answer", request, limit, {}, turn, at_limit="cut", json_schema=schema)
    cut = written["finish"] == "cut"
    if not cut:
        try:
            json.loads(written["text"])
        except ValueError:
            raise EngineError(f"the engine does not keep `structured_outputs`: {written['text'][:60]!r}") from None
    return JSONAnswer(written["text"].strip(), cut, beside([written]))


def json_tokens(path: Path, schema: str) -> int:
    """Tokens that must be left in the context for a path's answer as JSON, the request for it included."""
    text = path.thinking.close + prompts.AS_JSON.format(schema=path.safe(schema))
    return len(encode(path.engine.tokenizer, text)) + path.settings.answer_tokens


async def try_schema(engine: Engine, schema: str) -> None:
    """Let an engine write one token under a schema, before a run begins that would end with it.

    Raises:
        SchemaError: the engine takes no such schema, or none at all.
        EngineError: the engine is missing, or did not start.
    """
    constraint = StructuredOutputsParams(json=schema)
    params = SamplingParams(max_tokens=1, temperature=0.0, seed=0, structured_outputs=constraint)
    try:
        await engine.generate(encode(engine.tokenizer, prompts.AS_JSON.format(schema="{}")), params)
    except RequestRefused as error:
        # Without which server it was and how long the trial's prompt: neither concerns the schema.
        words = str(error).partition(" tokens: ")[2] or str(error)
        raise SchemaError(f"json_schema: {words}") from error


def _bridge(path: Path, history: Sequence[Segment], schema: str) -> str:
    """What stands between a path's answer and its JSON; it ends a thought that the path has left open."""
    thinking = path.thinking
    is_open = thinking.thinks and not any(thinking.close in segment["text"] for segment in history[1:])
    return (f"\n{thinking.close}" if is_open else "") + prompts.AS_JSON.format(schema=path.safe(schema))
