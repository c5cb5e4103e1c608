from peerleap.engine.chat_format import (
    Thinking,
    control_ids,
    control_texts,
    decode,
    detect_thinking,
    encode,
    render_prompt,
    turn_markers,
    vocabulary_hash,
)
from peerleap.engine.embedded import EMBEDDED, cache_folder, is_prepared
from peerleap.engine.errors import (
    EngineDead,
    EngineError,
    EngineMissing,
    EngineStartError,
    ModelError,
    RequestRefused,
)
from peerleap.engine.models import Model, default_model, resolve_model
from peerleap.engine.protocol import MAX_LOGPROBS, Completion, Engine, OnText, SamplingParams
from peerleap.engine.registry import close_engines, get_engine
from peerleap.engine.scripted import ScriptedEngine
from peerleap.engine.vllm_engine import VLLMEngine

__all__ = [
    "EMBEDDED",
    "MAX_LOGPROBS",
    "Completion",
    "Engine",
    "EngineDead",
    "EngineError",
    "EngineMissing",
    "EngineStartError",
    "Model",
    "ModelError",
    "OnText",
    "RequestRefused",
    "SamplingParams",
    "ScriptedEngine",
    "Thinking",
    "VLLMEngine",
    "cache_folder",
    "close_engines",
    "control_ids",
    "control_texts",
    "decode",
    "default_model",
    "detect_thinking",
    "encode",
    "get_engine",
    "is_prepared",
    "render_prompt",
    "resolve_model",
    "turn_markers",
    "vocabulary_hash",
]
