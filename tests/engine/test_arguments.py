"""Engine arguments go to vLLM under vLLM's names; one it does not know is refused before a process is made."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import EngineStartError, VLLMEngine, arguments
from peerleap.engine.arguments import LORA_PATH, check_arguments, known_arguments
from peerleap.engine.llm_thread import _make
from peerleap.engine.progress import StartClock
from peerleap.engine.starting import Starting
from peerleap.graph import build_graph
from tests.imports import loaded

UNKNOWN = [
    ("max_model_length", "did you mean 'max_model_len'?"),
    ("tensor_paralel_size", "did you mean 'tensor_parallel_size'?"),
    ("zzzzzz", "unknown to vLLM"),
]


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(("name", "hint"), UNKNOWN)
def test_an_engine_refuses_it_when_it_is_checked(make_model: Callable[..., Path], name: str, hint: str) -> None:
    with pytest.raises(EngineStartError, match=f"engine argument {name!r} is unknown to vLLM") as caught:
        VLLMEngine(str(make_model()), **{name: 1}).check()
    assert hint in str(caught.value)


@pytest.mark.usefixtures("vllm")
def test_to_check_arguments_vllm_is_not_imported() -> None:
    assert not {"torch", "vllm"} & loaded("check_arguments")


@pytest.mark.usefixtures("vllm")
def test_arguments_that_vllm_knows(make_model: Callable[..., Path]) -> None:
    engine = VLLMEngine(str(make_model()), dtype="float32", max_model_len=64, lora_path="somewhere")
    engine.check()  # refuses nothing
    assert engine.context_length == 64


@pytest.mark.parametrize("length", [0, -2, 1.5, "8k", True])
def test_a_context_length_that_cannot_be(length: Any) -> None:
    with pytest.raises(EngineStartError, match=f"max_model_len={length!r}: give a number of tokens"):
        check_arguments({"max_model_len": length})


@pytest.mark.parametrize("path", ["/no/where", "./nothing", "~/nothing", "", " ", 7, True])
def test_an_adapter_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EngineStartError, match=re.escape(f"lora_path={path!r}: no such folder")):
        check_arguments({LORA_PATH: path})


def test_a_folder_that_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match=r"no 'adapter_config\.json'"):
        check_arguments({LORA_PATH: str(tmp_path)})
    (tmp_path / "adapter_config.json").touch()
    check_arguments({LORA_PATH: str(tmp_path)})
    check_arguments({LORA_PATH: tmp_path})


def test_all_the_context_that_fits(make_model: Callable[..., Path]) -> None:
    check_arguments({"max_model_len": -1})
    assert VLLMEngine(str(make_model()), max_model_len=-1).context_length == 2048


def test_where_vllm_cannot_be_read_it_refuses_the_arguments_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    known_arguments.cache_clear()
    monkeypatch.setattr(arguments, "find_spec", lambda _name: None)
    assert known_arguments() == frozenset()
    check_arguments({"zzzzzz": 1})
    known_arguments.cache_clear()


@pytest.mark.usefixtures("vllm")
def test_no_argument_of_vllm_looks_like_one_of_build_graph() -> None:
    engine_args: dict[str, Any] = dict.fromkeys(known_arguments() | {LORA_PATH})
    del engine_args["model"]
    assert "dtype" in engine_args
    build_graph(**engine_args)  # refuses none of them


# `real_engine` imports vLLM without its warnings.
@pytest.mark.slow
@pytest.mark.usefixtures("vllm", "real_engine")
def test_the_source_is_read_right() -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    assert known_arguments() == set(AsyncEngineArgs.__dataclass_fields__)


@pytest.mark.slow
@pytest.mark.usefixtures("vllm", "real_engine")
@pytest.mark.parametrize(("name", "hint"), UNKNOWN)
def test_unknown_argument_names_the_close_match(name: str, hint: str) -> None:
    with pytest.raises(EngineStartError, match=f"engine argument {name!r} is unknown to vLLM") as caught:
        _make("cpu", {"model": "x", name: 1}, Starting(), StartClock("x"))
    assert hint in str(caught.value)
