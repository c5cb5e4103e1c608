"""What tracers see (LangSmith, OpenTelemetry, any LangChain handler): requests to the engine, nodes without ballast."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_async_callback_manager_for_config
from langgraph.types import Overwrite, TracePolicy

from peerleap.engine import Completion, Engine, SamplingParams
from peerleap.graph.history import GENERATED, Segment


async def traced(
    request: Callable[[], Awaitable[Completion]],
    config: RunnableConfig | None,
    *,
    engine: Engine,
    params: SamplingParams,
    path: str,
    kind: str,
    round_number: int,
    history: Sequence[Segment],
) -> Completion:
    """Make a request to the engine; where anybody traces, as a run of type `llm` with its token counts.

    Its prompt is what is new since the path's last request: the rest is in the runs before it.
    """
    if config is None or not getattr(config.get("callbacks"), "handlers", config.get("callbacks")):
        return await request()
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
    (run,) = await manager.on_llm_start(
        {"name": engine.model}, [_new_text(history)], name=f"{path} {kind}", invocation_params=asdict(params)
    )
    try:
        completion = await request()
    except BaseException as error:
        await asyncio.shield(run.on_llm_error(error))
        raise
    await run.on_llm_end(_result(completion, engine.model))
    return completion


def _new_text(history: Sequence[Segment]) -> str:
    begin = max((n for n, segment in enumerate(history, start=1) if segment["kind"] in GENERATED), default=0)
    return "".join(segment["text"] for segment in history[begin:])


def _result(completion: Completion, model: str) -> LLMResult:
    generated = len(completion.token_ids)
    usage = UsageMetadata(
        input_tokens=completion.prompt_tokens,
        output_tokens=generated,
        total_tokens=completion.prompt_tokens + generated,
        input_token_details=InputTokenDetails(cache_read=completion.cached_tokens),
    )
    message = AIMessage(content=completion.text, usage_metadata=usage, response_metadata={"model_name": model})
    reasons = {"finish_reason": completion.finish_reason, "stop_reason": completion.stop_reason}
    return LLMResult(generations=[[ChatGeneration(message=message, generation_info=reasons)]])


def _recorded_input(state: Any) -> Any:
    if not isinstance(state, Mapping):
        return state
    tokens = {key: _count(value) for key, value in state.items() if key.startswith("history_")}
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


def _count(history: Sequence[Segment]) -> int:
    return sum(len(segment["token_ids"]) for segment in history)


# Every node would record its whole state: all token ids of all paths, in every round.
NODE_TRACE = TracePolicy(process_inputs=_recorded_input, process_outputs=_recorded_output)
"""What a trace holds of a node: lengths of the histories it read, texts of the segments it wrote."""
