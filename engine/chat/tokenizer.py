"""Loads a model's tokenizer, checks it, and mends the one fault that can be mended."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerleap.engine.chat.tokenizer_check import check_tokenizer, lost_kinds
from peerleap.engine.errors import ModelError
from peerleap.engine.models import Model
from peerleap.engine.shipped import cache_folder

_log = logging.getLogger("peerleap.engine")
_BACKEND = "PreTrainedTokenizerFast"


def load_tokenizer(model: Model, engine_args: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The tokenizer that vLLM takes with these engine arguments.

    Transformers may read `tokenizer_class` in a folder's `tokenizer_config.json` as another kind of tokenizer than
    `tokenizer.json` describes, and then drops every blank. Such a folder is read by its `tokenizer.json` alone, and
    vLLM is given a copy of the tokenizer that names the right class.

    Args:
        model: the model.
        engine_args: vLLM's engine arguments, as the user gave them.

    Returns:
        The tokenizer, and the folder that vLLM must load it from, where that is not the model's.

    Raises:
        ModelError: its files are damaged or missing, or it needs `trust_remote_code`.
        TokenizerError: it garbles text, or a chat model has no template.
    """
    path = str(engine_args.get("tokenizer") or model.path)
    options = {
        "revision": engine_args.get("tokenizer_revision") or engine_args.get("revision") or "main",
        "trust_remote_code": engine_args.get("trust_remote_code") is True,  # left open, it asks at the terminal
    }
    tokenizer, folder = _load(model, path, options), None
    if (Path(path) / "tokenizer.json").is_file() and lost_kinds(tokenizer):
        mended = _mended(path)
        if not lost_kinds(mended):
            _log.warning(
                "model=%r: transformers makes its tokenizer a %s, which loses %s; read from 'tokenizer.json' instead",
                model.name, type(tokenizer).__name__, lost_kinds(tokenizer)[0],
            )  # fmt: skip
            tokenizer, folder = mended, _copy(mended, path)
    check_tokenizer(tokenizer, model.name, path)
    return tokenizer, folder


def _load(model: Model, path: str, options: Mapping[str, Any]) -> Any:
    from transformers import AutoTokenizer

    try:
        # Mistral's own tokenizer, beside the usual files, has no chat template and no added tokens.
        return AutoTokenizer.from_pretrained(path, mistral_format=False, **options)
    except Exception as error:  # a damaged file raises whatever its reader stumbles over
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ModelError(
            f"model={model.name!r}: its tokenizer cannot be loaded; are its files whole? ({reason})"
        ) from error


def _mended(path: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(path)


def _copy(tokenizer: Any, path: str) -> str:
    """Save the tokenizer in the cache, under a class that transformers reads as it is."""
    name = hashlib.sha256(f"{path}\n{(Path(path) / 'tokenizer.json').stat().st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache_folder() / "tokenizers" / name
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tokenizer_class": _BACKEND}, indent=2))
    return str(folder)
