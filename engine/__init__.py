"""Runs models: token ids in, token ids out.

Reading order:

- `protocol`: what an engine is, what a request and its completion are
- `errors`: what can go wrong at this seam
- `chat_format`: prompts from chat templates, exact encoding and decoding
- `thinking`: how a model marks its chain of thought; `families`, the table behind it; `templates`, which renders
- `turn_end`: what ends a model's turn
- `tokenizer`: loads a tokenizer; `tokenizer_check` refuses one that garbles text or lacks its template
- `models`: finds a model and reads its configuration; `weights`, `generation_config`, `embedded`, `conversion`
- `vllm_engine`: vLLM in this process; `arguments`, `device`, `starting`, `spawn`, `llm_thread`, `request`, `replicas`
- `progress`: the phases of a start, for listeners and loggers; `phases`, how vLLM's processes report them
- `processes`, `orphans`: vLLM's processes, and how they end with their host
- `registry`: one engine per model and process
- `scripted`: an engine whose model is a plain function
"""

from peerleap.engine.chat_format import control_ids, control_texts, decode, encode, render_prompt, vocabulary_hash
from peerleap.engine.device import requests_at_once, vllm_device
from peerleap.engine.embedded import EMBEDDED, cache_folder, is_prepared
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
from peerleap.engine.generation_config import recommended_sampling
from peerleap.engine.miniature import MINIATURE, MINIATURE_FAMILIES, family_of
from peerleap.engine.models import Model, default_model, resolve_model
from peerleap.engine.progress import OnProgress, StartProgress, last_start, watch_starts
from peerleap.engine.protocol import MAX_LOGPROBS, Completion, Engine, OnText, SamplingParams
from peerleap.engine.registry import close_engines, get_engine
from peerleap.engine.scripted import ScriptedEngine
from peerleap.engine.templates import turn_markers
from peerleap.engine.thinking import Thinking, detect_thinking, parse_thinking
from peerleap.engine.turn_end import TurnEnd, turn_end
from peerleap.engine.vllm_engine import VLLMEngine

__all__ = [
    "EMBEDDED",
    "MAX_LOGPROBS",
    "MINIATURE",
    "MINIATURE_FAMILIES",
    "Completion",
    "Engine",
    "EngineArgumentError",
    "EngineDead",
    "EngineError",
    "EngineMissing",
    "EngineStartError",
    "Model",
    "ModelError",
    "OnProgress",
    "OnText",
    "RequestRefused",
    "SamplingParams",
    "ScriptedEngine",
    "StartProgress",
    "Thinking",
    "TokenizerError",
    "TurnEnd",
    "VLLMEngine",
    "cache_folder",
    "close_engines",
    "control_ids",
    "control_texts",
    "decode",
    "default_model",
    "detect_thinking",
    "encode",
    "family_of",
    "get_engine",
    "is_prepared",
    "last_start",
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
