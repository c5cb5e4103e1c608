"""What can go wrong at the engine seam.

EngineError                 the engine could not do its work
├── EngineMissing           vLLM is not installed, or not the build that the model needs
├── EngineStartError        vLLM refused its arguments or the model
│   └── EngineArgumentError (ValueError)  an engine argument is unknown, or has a value that it cannot have
├── EngineDead              the engine's process is gone, also after one restart
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


class RequestRefused(EngineError):
    """The engine rejected one request; other requests are not affected."""


class ModelError(ValueError):
    """The model cannot be found, or its folder is not complete."""


class TokenizerError(EngineError, ModelError):
    """The model's tokenizer garbles text, or a chat model has no chat template."""
