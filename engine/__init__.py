"""Runs models: token ids in, token ids out.

In reading order:

- `protocol`: what an engine is, what a request and its completion are
- `errors`: what can go wrong at this seam
- `chat`: what a model reads, how it marks its thought, what ends its turn; tokenizers that garble text are refused
- `models`: finds a model and reads its configuration; `shipped`, the models that come with the package
- `vllm_engine`: vLLM in this process; `arguments`, `device`, `starting`, `spawn`, `core_process`, `llm_thread`,
  `request`, `replicas`
- `progress`: the phases of a start, for listeners and loggers; `phases`, how vLLM's processes report them
- `processes`, `orphans`: vLLM's processes, and how they end with their host
- `server`: vLLM on other machines, or in another process here
- `registry`: one engine per model and process
- `scripted`: an engine whose model is a plain function
"""

from typing import TYPE_CHECKING

from peerleap import lazy_face
from peerleap.engine.errors import (
    EngineArgumentError,
    EngineDead,
    EngineError,
    EngineMissing,
    EngineStartError,
    ModelError,
    RequestRefused,
    TokenizerError,
)
from peerleap.engine.protocol import (
    MAX_LOGPROBS,
    Completion,
    Engine,
    EngineWrapper,
    OnText,
    SamplingParams,
    StructuredOutputsParams,
    begin_start,
    each_once,
    finish_sessions,
)

if TYPE_CHECKING:
    from peerleap.engine.chat import (
        THOUGHT_ENDS,
        Thinking,
        TurnEnd,
        control_ids,
        control_texts,
        decode,
        detect_thinking,
        encode,
        parse_thinking,
        recommended_sampling,
        render_prompt,
        turn_end,
        turn_markers,
        vocabulary_hash,
    )
    from peerleap.engine.device import requests_at_once, vllm_device
    from peerleap.engine.models import Model, default_model, model_folder, resolve_model
    from peerleap.engine.progress import OnProgress, StartProgress, last_start, watch_starts
    from peerleap.engine.registry import close_engines, get_engine
    from peerleap.engine.scripted import ScriptedEngine
    from peerleap.engine.server import ServerEngine, default_servers, parse_servers
    from peerleap.engine.shipped import (
        EMBEDDED,
        MINIATURE,
        MINIATURE_FAMILIES,
        SETTINGS_FILE,
        cache_folder,
        family_of,
        is_prepared,
        model_settings,
    )
    from peerleap.engine.vllm_engine import VLLMEngine

__all__ = [
    "EMBEDDED",
    "MAX_LOGPROBS",
    "MINIATURE",
    "MINIATURE_FAMILIES",
    "SETTINGS_FILE",
    "THOUGHT_ENDS",
    "Completion",
    "Engine",
    "EngineArgumentError",
    "EngineDead",
    "EngineError",
    "EngineMissing",
    "EngineStartError",
    "EngineWrapper",
    "Model",
    "ModelError",
    "OnProgress",
    "OnText",
    "RequestRefused",
    "SamplingParams",
    "ScriptedEngine",
    "ServerEngine",
    "StartProgress",
    "StructuredOutputsParams",
    "Thinking",
    "TokenizerError",
    "TurnEnd",
    "VLLMEngine",
    "begin_start",
    "cache_folder",
    "close_engines",
    "control_ids",
    "control_texts",
    "decode",
    "default_model",
    "default_servers",
    "detect_thinking",
    "each_once",
    "encode",
    "family_of",
    "finish_sessions",
    "get_engine",
    "is_prepared",
    "last_start",
    "model_folder",
    "model_settings",
    "parse_servers",
    "parse_thinking",
    "recommended_sampling",
    "render_prompt",
    "requests_at_once",
    "resolve_model",
    "turn_end",
    "turn_markers",
    "vllm_device",
    "vocabulary_hash",
    "watch_starts",
]

# Imported when they are first used: a command that is refused, and vLLM's processes, need none of them.
_LATER = {
    "control_ids": "chat",
    "control_texts": "chat",
    "decode": "chat",
    "encode": "chat",
    "render_prompt": "chat",
    "vocabulary_hash": "chat",
    "requests_at_once": "device",
    "vllm_device": "device",
    "EMBEDDED": "shipped",
    "cache_folder": "shipped",
    "is_prepared": "shipped",
    "recommended_sampling": "chat",
    "MINIATURE": "shipped",
    "MINIATURE_FAMILIES": "shipped",
    "SETTINGS_FILE": "shipped",
    "model_settings": "shipped",
    "family_of": "shipped",
    "Model": "models",
    "default_model": "models",
    "model_folder": "models",
    "resolve_model": "models",
    "OnProgress": "progress",
    "StartProgress": "progress",
    "last_start": "progress",
    "watch_starts": "progress",
    "close_engines": "registry",
    "get_engine": "registry",
    "ScriptedEngine": "scripted",
    "ServerEngine": "server",
    "default_servers": "server",
    "parse_servers": "server",
    "turn_markers": "chat",
    "THOUGHT_ENDS": "chat",
    "Thinking": "chat",
    "detect_thinking": "chat",
    "parse_thinking": "chat",
    "TurnEnd": "chat",
    "turn_end": "chat",
    "VLLMEngine": "vllm_engine",
}

__getattr__ = lazy_face(__name__, _LATER)
