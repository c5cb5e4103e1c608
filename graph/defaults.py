"""The value of every setting that a user leaves out: the preset's, else the one that suits the model."""

from typing import Any

from peerleap.engine import EMBEDDED, Engine, detect_thinking, model_settings
from peerleap.graph.errors import SettingsError
from peerleap.graph.settings import RunSettings, Settings, as_settings, complete

# Where the paper says nothing, or the authors' code does something else, this is ours.
COMMON: dict[str, Any] = {
    "router": "dispersed",
    "similarity": "levenshtein",
    "cut": "paragraph",
    "trigger": "interval",
    "talk": "always",
    "stable": 2,
    "prompt": "peers",
    "block_as": "thought",
    "alumni": True,
    "vote": "majority",
    "thinking": "auto",
    "sampling": {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "min_p": 0.0, "repetition_penalty": 1.0},
}

# Section 3.1 of the paper.
THINKING: dict[str, Any] = {
    "interval": 4096,
    "grace": 256,
    "top_k": 4,
    "summary_tokens": 256,
    "max_tokens": 16_384,
    "budget_counts": "own",
    "answer_tokens": 2048,
}

# Models without `<think>` write some hundred tokens, not thousands: a block must come before they are done.
INSTRUCT: dict[str, Any] = {
    "interval": 128,
    "grace": 64,
    "top_k": 4,
    "summary_tokens": 256,
    "max_tokens": 4096,
    "budget_counts": "all",
    "answer_tokens": 512,
    "rounds": 3,
}

# The embedded model answers in about a minute on two CPU cores. What a path reads counts against its budget: two LeaP
# blocks take some 500 tokens of it.
SMALL: dict[str, Any] = {
    "interval": 96,
    "grace": 32,
    "top_k": 2,
    "summary_tokens": 64,
    "max_tokens": 768,
    "budget_counts": "all",
    "answer_tokens": 32,
    "rounds": 2,
    "sampling": {**COMMON["sampling"], "repetition_penalty": 1.1},
}

# The authors' code, where it differs from the paper or from us. Their cut drops the unfinished paragraph; here nothing
# that was generated is dropped.
PAPER: dict[str, Any] = {
    **THINKING,
    "similarity": "indel",
    "cut": "exact",
    "prompt": "paper",
    "alumni": False,
    "sampling": {**COMMON["sampling"], "min_p": 0.05},
}


def model_defaults(settings: Settings, *, model: str, thinks: bool) -> dict[str, Any]:
    """Every setting's value for a model, before the user's own."""
    family = SMALL if model == EMBEDDED else THINKING if thinks else INSTRUCT
    preset = PAPER if settings.preset == "paper" else {}
    sources = (COMMON, family, _of_model(model), preset)
    defaults = {name: value for source in sources for name, value in source.items()}
    defaults["sampling"] = {name: value for source in sources for name, value in source.get("sampling", {}).items()}
    if settings.preset == "paper":
        defaults["rounds"] = None
    if settings.interval is not None and family is INSTRUCT:
        defaults["rounds"] = None  # three blocks suit the default T only
    if settings.communicate_at is not None:
        defaults["interval"] = defaults["rounds"] = None
    return defaults


def _of_model(model: str) -> dict[str, Any]:
    """What the model's own folder sets."""
    try:
        return as_settings(model_settings(model)).model_dump(exclude_none=True)
    except SettingsError as error:
        raise SettingsError(f"model={model!r}: its own settings: {error}") from error


def resolve_settings(context: object, engine: Engine) -> RunSettings:
    """Every setting's value: the caller's, else the preset's, else the one that suits the engine's model.

    Raises:
        SettingsError: a setting is unknown or out of range.
    """
    settings = as_settings(context)
    thinks = detect_thinking(engine.tokenizer, settings.thinking or "auto").thinks
    return complete(settings, model_defaults(settings, model=engine.model, thinks=thinks))
