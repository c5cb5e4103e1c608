"""Where a model's files are: a hub id, a local folder, or an embedded model."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerleap.engine.errors import ModelError
from peerleap.engine.shipped import EMBEDDED, MINIATURE, embedded_folder, folder_bytes, hub_bytes, miniature_folder

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "tekken.json")
# Keys of the context length in a configuration; some models rely on their architecture's default instead.
_LENGTHS = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"),
    *("model_max_length", "max_sequence_length", "max_seq_length", "seq_len"),
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was found: where it is, and what its configuration says."""

    name: str
    """The name that the user gave."""
    path: str
    """A local folder, or the hub id that vLLM will fetch."""
    context_length: int
    """Maximum number of tokens, prompt and generated text together."""
    weight_bytes: int | None
    """Size of the weights, on disk or on the hub; `None` where the hub does not say."""
    quantization: str | None
    """Quantization method of the weights, if any."""
    dtype: str | None
    """Number format of the weights."""
    kv_bytes: int | None = None
    """What a token takes in the KV cache, in bytes of float32; `None` where the configuration does not say."""

    @property
    def embedded(self) -> bool:
        """Whether this is the small model that comes with the package."""
        return self.name == EMBEDDED


def default_model() -> str:
    """The model to use when none is named: `PEERLEAP_MODEL`, else the embedded one."""
    return os.environ.get("PEERLEAP_MODEL") or EMBEDDED


def model_folder(name: str) -> Path | None:
    """The folder that a model's name means; `None` where it is no folder's.

    Raises:
        ModelError: no folder can have this name (`~nosuchuser`, a name that is too long), or it cannot be looked at.
    """
    try:
        folder = Path(name).expanduser()
        return folder if name.strip() and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ModelError(f"model={name!r:.300}: {reason}; give a folder that holds a model, or a hub id") from error


def resolve_model(name: str | None = None) -> Model:
    """Find a model: a local folder, a hub id, or (`None`, `"smollm2-135m"`) the embedded one.

    `None` reads `PEERLEAP_MODEL` first. Reads configuration files only; no weights are loaded. The embedded model is
    prepared on its first use.

    Raises:
        ModelError: there is no such model, or its folder lacks a configuration, a tokenizer or weights.
    """
    name = default_model() if name is None else str(name)  # it may be a Path
    if name == EMBEDDED:
        return _from_folder(name, embedded_folder())
    if name == MINIATURE:
        return _from_folder(name, miniature_folder())
    folder = model_folder(name)
    if folder is not None:
        return _from_folder(name, folder)
    if not name.strip() or name.startswith(("/", ".", "~")) or name.count("/") > 1 or Path(name).exists():
        raise ModelError(
            f"model={name!r}: no such folder; give a folder that holds a model, "
            f"a hub id such as 'Qwen/Qwen3-4B-Thinking-2507', or {EMBEDDED!r} or {MINIATURE!r} for an embedded model"
        )
    return _from_hub(name)


def _from_folder(name: str, folder: Path) -> Model:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(f"model={name!r}: the folder has no 'config.json'; is it a Hugging Face model folder?")
    weight_bytes = folder_bytes(folder)
    if weight_bytes is None:
        raise ModelError(f"model={name!r}: the folder has no weights (*.safetensors or *.bin)")
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise ModelError(f"model={name!r}: the folder has no tokenizer (such as 'tokenizer.json')")
    return _read(name, str(folder.resolve()), config, weight_bytes)


def _from_hub(name: str) -> Model:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json")
        if isinstance(config, str):
            weight_bytes = folder_bytes(Path(config).parent)
            if weight_bytes is None:
                with suppress(Exception):  # an unknown size is no reason to refuse the model
                    weight_bytes = hub_bytes(name)
        else:
            weight_bytes = hub_bytes(name)  # one request; a download would retry for half a minute
            config = hf_hub_download(name, "config.json")
    except HFValidationError as error:
        raise ModelError(f"model={name!r}: neither a folder nor a hub id: {error}") from error
    except HfHubHTTPError as error:
        raise ModelError(f"model={name!r}: the hub has no such model, or you have no access to it: {error}") from error
    except Exception as error:  # the hub's client also raises its transport's errors
        raise ModelError(
            f"model={name!r}: not a local folder, not in the hub's cache, and the hub cannot be reached; "
            f"give a folder that holds the model, or {EMBEDDED!r} for the embedded one"
        ) from error
    return _read(name, name, Path(config), weight_bytes)


def _read(name: str, path: str, config_file: Path, weight_bytes: int | None) -> Model:
    try:
        config = json.loads(config_file.read_text())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model={name!r}: its 'config.json' is not JSON: {error}") from error
    if not isinstance(config, dict):
        config = {}
    text = config.get("text_config") or config
    length = _length(text)
    if length is None:
        raise ModelError(f"model={name!r}: its 'config.json' has no 'max_position_embeddings'")
    quantization = (config.get("quantization_config") or {}).get("quant_method")
    dtype = text.get("dtype") or text.get("torch_dtype")
    return Model(name, path, length, weight_bytes, quantization, dtype, _kv_bytes(text))


def _kv_bytes(config: dict[str, Any]) -> int | None:
    heads, width = config.get("num_attention_heads"), config.get("hidden_size")
    sizes = [config.get("num_hidden_layers"), config.get("num_key_value_heads", heads)]
    if type(heads) is int and type(width) is int and heads > 0:
        sizes.append(config.get("head_dim") or width // heads)
    if len(sizes) < 3 or any(type(size) is not int or size < 1 for size in sizes):
        return None
    layers, kv_heads, head = sizes
    return 2 * 4 * layers * kv_heads * head  # type: ignore[operator]


def _length(config: dict[str, Any]) -> int | None:
    """Context length under any of the keys that vLLM knows, else the architecture's default; `None` without either."""
    lengths = [value for name in _LENGTHS if type(value := config.get(name)) is int]
    if not lengths and isinstance(kind := config.get("model_type"), str):
        from transformers import AutoConfig

        with suppress(Exception):  # transformers does not know this architecture
            default = getattr(AutoConfig.for_model(kind), _LENGTHS[0], None)
            lengths = [default] if type(default) is int else []
    return min(lengths, default=None)
