"""What a model reads, how it thinks, and what ends its turn.

Read `chat_format` (prompts, ids and text), `templates` (what a chat template renders), `thinking` and `families`
(marks of a thought), `turn_end` (what ends a turn), `tokenizer` and `tokenizer_check` (text that survives), and
`generation_config` (recommended sampling).
"""

from peerleap.engine.chat.chat_format import control_ids, control_texts, decode, encode, render_prompt, vocabulary_hash
from peerleap.engine.chat.families import THOUGHT_ENDS
from peerleap.engine.chat.generation_config import recommended_sampling
from peerleap.engine.chat.templates import turn_markers
from peerleap.engine.chat.thinking import Thinking, detect_thinking, parse_thinking
from peerleap.engine.chat.tokenizer import load_tokenizer
from peerleap.engine.chat.turn_end import TurnEnd, turn_end

__all__ = [
    "THOUGHT_ENDS",
    "Thinking",
    "TurnEnd",
    "control_ids",
    "control_texts",
    "decode",
    "detect_thinking",
    "encode",
    "load_tokenizer",
    "parse_thinking",
    "recommended_sampling",
    "render_prompt",
    "turn_end",
    "turn_markers",
    "vocabulary_hash",
]
