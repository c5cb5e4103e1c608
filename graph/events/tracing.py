"""What tracers see (LangSmith, OpenTelemetry, any LangChain handler): requests to the engine, nodes without ballast."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config
from langgraph.types import Overwrite, TracePolicy

from peerleap.engine import Completion, Engine, OnText, SamplingParams, control_texts
from peerleap.graph.events.chunks import Chunks, wants_chunks
from peerleap.graph.history import GENERATED, Segment, sent_tokens

Request = Callable[[OnText | None], Awaitable[Completion]]
"""Makes a request to the engine; the argument receives its text while it is generated."""


async def traced(
    request: Request,
    config: RunnableConfig | None,
    *,
    engine: Engine,
    params: SamplingParams,
    path: str,
    kind: str,
    round_number: int,
    history: Sequence[Segment],
    on_text: OnText | None = None,
    reasoning: bool = False,
) -> Completion:
    """Make a request to the engine; with callbacks, as a run of type `llm` with its token counts.

    Its prompt is what is new since the path's last request: the rest is in the runs before it. Handlers that stream
    messages get the text while it is generated, `reasoning` as reasoning content.
    """
    if config is None or not getattr(config.get("callbacks"), "handlers", config.get("callbacks")):
        return await request(on_text)
    manager = get_async_callback_manager_for_config(config)
    manager.add_metadata(
        {
            "ls_provider": "vllm",
            "ls_model_name": engine.model,
            "ls_model_type": "llm",
            "ls_temperature": params.temperature,
            "ls_max_tokens": params.max_tokens,
            "leap_path": path,
            "leap_round": round_number,
            "leap_kind": kind,
        },
        inherit=False,
    )
    named: dict[str, Any] = {"name": f"{path} {kind}", "invocation_params": asdict(params)}
    new, chunks = _new_text(history), None
    if wants_chunks(manager):
        (run,) = await manager.on_chat_model_start({"name": engine.model}, [[HumanMessage(new)]], **named)
        chunks = Chunks(run, reasoning=reasoning, control=control_texts(engine.tokenizer))
        request = _both(request, chunks)
    else:
        (run,) = await manager.on_llm_start({"name": engine.model}, [new], **named)
    try:
        completion = await request(on_text)
        if chunks is not None:
            await chunks.end()
    except BaseException as error:
        if chunks is not None:
            chunks.cancel()
        await asyncio.shield(run.on_llm_error(error))
        raise
    message_id = None if chunks is None else chunks.message_id
    await run.on_llm_end(_result(completion, engine.model, message_id, reasoning=reasoning))
    return completion


def _both(request: Request, chunks: Chunks) -> Request:
    """The request with its text handed to `chunks`, too."""

    async def made(on_text: OnText | None) -> Completion:
        def put(text: str) -> None:
            chunks.put(text)
            if on_text is not None:
                on_text(text)

        return await request(put)

    return made


def _new_text(history: Sequence[Segment]) -> str:
    begin = max((n for n, segment in enumerate(history, start=1) if segment["kind"] in GENERATED), default=0)
    return "".join(segment["text"] for segment in history[begin:])


def _result(completion: Completion, model: str, message_id: str | None, *, reasoning: bool) -> LLMResult:
    generated = len(completion.token_ids)
    usage = UsageMetadata(
        input_tokens=completion.prompt_tokens,
        output_tokens=generated,
        total_tokens=completion.prompt_tokens + generated,
        input_token_details=InputTokenDetails(cache_read=completion.cached_tokens),
    )
    text = completion.text
    as_reasoning = reasoning and message_id is not None  # as its chunks were
    message = AIMessage(
        content="" if as_reasoning else text,
        id=message_id,
        additional_kwargs={"reasoning_content": text} if as_reasoning else {},
        usage_metadata=usage,
        response_metadata={"model_name": model},
    )
    reasons = {"finish_reason": completion.finish_reason, "stop_reason": completion.stop_reason}
    return LLMResult(generations=[[ChatGeneration(message=message, generation_info=reasons)]])


def _recorded_input(state: Any) -> Any:
    if not isinstance(state, Mapping):
        return state
    tokens = {key: sent_tokens(value) for key, value in state.items() if key.startswith("history_")}
    return {"round": state.get("round"), "tokens": tokens}


def _recorded_output(update: Any) -> Any:
    if not isinstance(update, Mapping):
        return update
    shown = {key: value for key, value in update.items() if key != "histories"}
    for key in (key for key in shown if key.startswith("history_")):
        segments = shown[key].value if isinstance(shown[key], Overwrite) else shown[key]
        shown[key] = [
            {"kind": s["kind"], "round": s["round"], "text": s["text"], "tokens": len(s["token_ids"])} for s in segments
        ]
    return shown


# Every node would record its whole state: all token ids of all paths, in every round.
NODE_TRACE = TracePolicy(process_inputs=_recorded_input, process_outputs=_recorded_output)
"""What a trace holds of a node: lengths of the histories it read, texts of the segments it wrote."""
