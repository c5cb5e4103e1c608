"""The size of a model's weights is known before they are fetched or loaded."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peerleap.engine import EngineMissing, ModelError, VLLMEngine, device, resolve_model, vllm_engine
from peerleap.engine.shipped.weights import folder_bytes, weight_files

GIB = 1 << 30
MakeModel = Callable[..., Path]

FILES = [
    (["model.safetensors", "pytorch_model.bin", "config.json"], ["model.safetensors"]),
    (["model-2.safetensors", "model-1.safetensors"], ["model-1.safetensors", "model-2.safetensors"]),
    (["pytorch_model.bin", "training_args.bin", "optimizer.pt"], ["pytorch_model.bin"]),
    (["model.safetensors", "consolidated.safetensors"], ["model.safetensors"]),
    (["consolidated.safetensors"], ["consolidated.safetensors"]),
    (["training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "scaler.pt"], []),
    (["onnx/model.safetensors", "readme.md"], []),
]


@pytest.mark.parametrize(("names", "weights"), FILES)
def test_which_files_are_weights(names: list[str], weights: list[str]) -> None:
    assert weight_files(names) == weights


def test_a_folder(tmp_path: Path) -> None:
    assert folder_bytes(tmp_path) is None
    (tmp_path / "model.safetensors").touch()
    assert folder_bytes(tmp_path) == 0
    (tmp_path / "model.safetensors").write_bytes(bytes(5))
    (tmp_path / "training_args.bin").write_bytes(bytes(7))
    assert folder_bytes(tmp_path) == 5


@pytest.mark.parametrize("left", ["training_args.bin", "optimizer.pt"])
def test_what_a_trainer_leaves_is_no_model(make_model: MakeModel, left: str) -> None:
    folder = make_model(model__safetensors=None)
    (folder / left).touch()
    with pytest.raises(ModelError, match="no weights"):
        resolve_model(str(folder))


class Hub:
    """A hub with one model, whose configuration is a file of ours."""

    def __init__(self, config: Path) -> None:
        self.config, self.cached, self.reachable = config, False, True
        self.asked: list[str] = []

    def model_info(self, name: str, *, timeout: float, files_metadata: bool) -> Any:
        assert timeout <= 5
        assert files_metadata
        self.asked.append(name)
        if not self.reachable:
            raise ConnectionError
        files = {"model-1.safetensors": 5 * GIB, "model-2.safetensors": 4 * GIB, "model.bin": 9 * GIB, "x.md": None}
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=size) for name, size in files.items()])


@pytest.fixture
def hub(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> Hub:
    import huggingface_hub

    made = Hub(make_model(model__safetensors=None) / "config.json")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda _name, _file: str(made.config))
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda _name, _file: str(made.config) if made.cached else None
    )
    return made


@pytest.mark.parametrize("cached", [False, True])
def test_weights_that_are_to_be_fetched(hub: Hub, cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.cached = cached
    assert resolve_model("some/model").weight_bytes == 9 * GIB
    assert hub.asked == ["some/model"]
    monkeypatch.setattr(device, "_memory_bytes", lambda: 16 * GIB)
    monkeypatch.setattr(vllm_engine, "vllm_device", lambda: "cpu")
    with pytest.raises(EngineMissing, match="takes 18 GiB in float32"):
        VLLMEngine("some/model").check()


def test_weights_in_the_cache_are_not_asked_for(hub: Hub) -> None:
    hub.cached = True
    (hub.config.parent / "model.safetensors").write_bytes(bytes(5))
    assert resolve_model("some/model").weight_bytes == 5
    assert hub.asked == []


def test_a_hub_that_cannot_be_reached_measures_nothing(hub: Hub) -> None:
    hub.cached, hub.reachable = True, False
    assert resolve_model("some/model").weight_bytes is None
    hub.cached = False
    with pytest.raises(ModelError, match="the hub cannot be reached"):
        resolve_model("some/model")


def test_an_id_without_an_owner(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_model("gpt2").path == "gpt2"
    assert hub.asked == ["gpt2"]
