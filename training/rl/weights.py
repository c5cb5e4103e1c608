"""From the trainer to the engine: the weights of a step as a folder that vLLM reads in place."""

import shutil
from pathlib import Path
from typing import Any, Protocol

from peerleap.engine import Engine

_TIED = "tied.safetensors"


class LearningEngine(Engine, Protocol):
    """An engine whose weights can be changed, such as `VLLMEngine`."""

    async def load_weights(self, folder: str | Path) -> None:
        """Go on with the weights in a folder, which stays until the next call."""
        ...


def save_weights(model: Any, folder: Path) -> None:
    """Write the weights of a model, or its adapters, as an engine reads them again.

    Tied weights are written twice. vLLM (0.32) reloads what it finds by name, and on a CPU its output layer keeps a
    packed copy of its own: without this it would go on with the old one.

    Args:
        model: a `transformers` or PEFT model.
        folder: where to; one that exists is replaced.
    """
    from safetensors.torch import save_file

    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    model.save_pretrained(new, max_shard_size="1TB")
    tied = {} if hasattr(model, "peft_config") else dict(getattr(model, "all_tied_weights_keys", None) or {})
    state = model.state_dict() if tied else {}
    if copies := {name: state[name].detach().cpu().clone() for name in tied if name in state}:
        save_file(copies, new / _TIED, metadata={"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    new.replace(folder)


class Weights:
    """Brings the weights of each step to the engine, once, in a folder of the run."""

    def __init__(self, engine: LearningEngine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._last: Path | None = None
        self._step = 0

    async def bring(self, model: Any, step: int) -> None:
        """Give the engine the weights after so many steps; at step 0 it has them."""
        if step == self._step:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        target = self._folder / f"step-{step}"
        save_weights(model, target)
        await self._engine.load_weights(target)
        if self._last is not None:
            shutil.rmtree(self._last, ignore_errors=True)
        self._last, self._step = target, step

    def clear(self) -> None:
        """Remove the folder, once the engine is closed."""
        shutil.rmtree(self._folder, ignore_errors=True)
