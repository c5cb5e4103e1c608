"""What can go wrong at the engine seam.

EngineError                 the engine could not do its work
├── EngineMissing           vLLM is not installed, or not the build that the model needs
├── EngineStartError        vLLM refused its arguments or the model
│   └── EngineArgumentError (ValueError)  an engine argument is unknown, or has a value that it cannot have
├── EngineDead              the engine's process is gone, also after one restart
├── LLMStopped              inside the engine: the request was in a process that was shut down
└── RequestRefused          the engine rejected one request (too long, bad parameters)
ModelError (ValueError)     the model cannot be found or is not complete
└── TokenizerError          its tokenizer garbles text or lacks its chat template; an EngineError, too
"""


class EngineError(RuntimeError):
    """The engine could not do its work."""


class EngineMissing(EngineError):
    """vLLM is not installed, or not the build that the model needs."""


class EngineStartError(EngineError):
    """vLLM refused its arguments or the model."""


class EngineArgumentError(EngineStartError, ValueError):
    """An engine argument is unknown, or has a value that it cannot have; found before vLLM is imported."""


class EngineDead(EngineError):
    """The engine's process is gone, also after one restart."""


class LLMStopped(EngineError):
    """The request was in an engine when that was shut down; it is replayed."""


class RequestRefused(EngineError):
    """The engine rejected one request; other requests are not affected."""


class ModelError(ValueError):
    """The model cannot be found, or its folder is not complete."""


class TokenizerError(EngineError, ModelError):
    """The model's tokenizer garbles text, or a chat model has no chat template."""


def is_death(error: Exception) -> bool:
    """Whether an error of a request means that vLLM's process has died under it."""
    if isinstance(error, LLMStopped):  # another request saw the death first
        return True
    try:
        from vllm.v1.engine.exceptions import EngineDeadError
    except ImportError as missing:
        raise EngineMissing("vLLM was uninstalled while it ran") from missing
    return isinstance(error, EngineDeadError) or isinstance(error.__cause__, EngineDeadError)
