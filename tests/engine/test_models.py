"""A model that is not there, or not whole, is named before anything is loaded."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import (
    EMBEDDED,
    ModelError,
    VLLMEngine,
    control_texts,
    default_model,
    detect_thinking,
    get_engine,
    render_prompt,
    resolve_model,
)
from peerleap.engine.scripted import byte_tokenizer

MakeModel = Callable[..., Path]


def test_folder(make_model: MakeModel) -> None:
    folder = make_model()
    model = resolve_model(str(folder))
    assert model.path == str(folder)
    assert model.context_length == 2048
    assert model.weight_bytes == len("weights")
    assert (model.dtype, model.quantization, model.embedded) == ("bfloat16", None, False)


def test_relative_and_home_folders(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_model()
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    for name in ("model", "./model", "~/model"):
        assert resolve_model(name).path == str(folder)


def test_nested_text_configuration(make_model: MakeModel) -> None:
    config = {
        "text_config": {"max_position_embeddings": 512, "torch_dtype": "float16"},
        "quantization_config": {"quant_method": "fp8"},
    }
    model = resolve_model(str(make_model(config__json=json.dumps(config))))
    assert (model.context_length, model.dtype, model.quantization) == (512, "float16", "fp8")


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"n_positions": 1024}, 1024),
        ({"model_type": "chatglm", "seq_length": 8192}, 8192),
        # Gemma 3 leaves it to its kind.
        ({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "sliding_window": 1024}}, 131_072),
        ({"model_type": "llama", "max_position_embeddings": 4096}, 4096),
    ],
)
def test_context_length(make_model: MakeModel, config: dict[str, Any], length: int) -> None:
    assert resolve_model(str(make_model(config__json=json.dumps(config)))).context_length == length


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config__json": '{"model_type": "unheard-of"}'}, "max_position_embeddings"),
        ({"config__json": None}, "config.json"),
        ({"config__json": "{nope"}, "not JSON"),
        ({"config__json": "[]"}, "max_position_embeddings"),
        ({"config__json": "{}"}, "max_position_embeddings"),
        ({"config__json": '{"max_position_embeddings": "many"}'}, "max_position_embeddings"),
        ({"model__safetensors": None}, "no weights"),
        ({"tokenizer__json": None}, "no tokenizer"),
    ],
)
def test_folder_that_is_not_whole(make_model: MakeModel, changes: dict[str, str | None], told: str) -> None:
    folder = make_model(**changes)
    with pytest.raises(ModelError, match=told) as caught:
        resolve_model(str(folder))
    assert repr(str(folder)) in str(caught.value)


@pytest.mark.parametrize("name", ["/nowhere/model", "./model", "~/nothing", "a/b/c"])
def test_no_such_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="no such folder") as caught:
        resolve_model(name)
    assert repr(name) in str(caught.value)
    assert EMBEDDED in str(caught.value)


def test_folder_as_a_path(make_model: MakeModel) -> None:
    folder: Any = make_model()
    assert resolve_model(folder).path == str(folder)
    assert get_engine(folder) is get_engine(str(folder))
    for ask in (resolve_model, lambda model: get_engine(model).resolved):
        with pytest.raises(ModelError, match="no such folder"):
            ask(folder / "nothing")


@pytest.mark.parametrize("name", ["", " "])
def test_no_name(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PEERLEAP_MODEL", str(make_model()))
    for ask in (resolve_model, lambda model: get_engine(model).check()):
        with pytest.raises(ModelError, match=f"model={name!r}: no such folder"):
            ask(name)
    monkeypatch.setenv("PEERLEAP_MODEL", "")
    assert default_model() == EMBEDDED


def test_file_instead_of_a_folder(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        resolve_model(str(make_model() / "model.safetensors"))


def test_file_here_instead_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.gguf").touch()
    with pytest.raises(ModelError, match="no such folder"):
        resolve_model("model.gguf")


@pytest.mark.parametrize("name", ["a--b/c..d", "bad name/model", "org/model?"])
def test_bad_hub_id(name: str) -> None:
    with pytest.raises(ModelError, match="neither a folder nor a hub id") as caught:
        resolve_model(name)
    assert repr(name) in str(caught.value)


def test_unreachable_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    import huggingface_hub.hf_api

    # A port where nobody listens: refused at once, as an unresolvable name is.
    monkeypatch.setattr(huggingface_hub.hf_api.HfApi, "endpoint", "http://127.0.0.1:9", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(ModelError, match="the hub cannot be reached") as caught:
        resolve_model("peerleap-tests/no-such-model")
    assert time.monotonic() - begun < 30
    assert "give a folder" in str(caught.value)


@pytest.mark.parametrize(
    "damaged",
    [
        {"tokenizer__json": "{}"},
        {"tokenizer__json": '{"version": "1.0", "trunc'},
        {"tokenizer__json": None, "tokenizer_config__json": "{}"},
    ],
)
def test_tokenizer_that_is_not_whole(make_model: MakeModel, damaged: dict[str, str | None]) -> None:
    folder = make_model(**damaged)
    with pytest.raises(ModelError, match=r"its tokenizer cannot be loaded") as caught:
        _ = VLLMEngine(str(folder)).tokenizer
    assert repr(str(folder)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tokenizer_is_the_one_that_vllm_takes(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    asked = list[Any]()

    def load(path: str, **named: Any) -> Any:
        asked.append((path, named))
        return byte_tokenizer()

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", load)
    folder = str(make_model())
    for arguments in ({}, {"trust_remote_code": True, "revision": "v2"}, {"tokenizer": "org/other"}):
        _ = VLLMEngine(folder, **arguments).tokenizer
    assert asked == [
        (folder, {"revision": "main", "trust_remote_code": False, "mistral_format": False}),
        (folder, {"revision": "v2", "trust_remote_code": True, "mistral_format": False}),
        ("org/other", {"revision": "main", "trust_remote_code": False, "mistral_format": False}),
    ]


def test_mistrals_own_tokenizer_beside_the_usual_one(make_model: MakeModel, make_tokenizer: Callable[..., Any]) -> None:
    """Mistral's models come with both, and transformers prefers the one without a chat template."""
    data = Path(pytest.importorskip("mistral_common").__file__).parent / "data"
    folder = make_model(config__json='{"max_position_embeddings": 2048, "model_type": "mistral"}')
    (folder / "tekken.json").symlink_to(next(data.glob("tekken*.json")))
    make_tokenizer(tokens=("[INST]", "[/INST]"), template="[INST]{{ messages[0].content }}[/INST]").save_pretrained(
        folder
    )
    tokenizer = VLLMEngine(str(folder)).tokenizer
    assert tokenizer.decode(render_prompt(tokenizer, "2+2?", detect_thinking(tokenizer))) == "[INST]2+2?[/INST]"
    assert "[INST]" in control_texts(tokenizer)


def test_name_from_the_environment(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(make_model())
    monkeypatch.setenv("PEERLEAP_MODEL", folder)
    assert resolve_model().path == resolve_model(None).path == folder
    assert VLLMEngine().model == folder
    monkeypatch.setenv("PEERLEAP_MODEL", "/nowhere/model")
    with pytest.raises(ModelError, match="'/nowhere/model'"):
        VLLMEngine().check()
