"""When vLLM's process is started ahead of vLLM's import, and in which environment."""

import os
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine.core_process import CoreProcess
from peerleap.engine.spawn import process_environment

EAGER = {"enforce_eager": True}
CORES = "VLLM_CPU_OMP_THREADS_BIND"


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, "0,1")
    for name in ("LD_PRELOAD", "OMP_NUM_THREADS", "GOMP_CPU_AFFINITY", "TORCH_COMPILE_DISABLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("engine_args", [EAGER, EAGER | {"tensor_parallel_size": 1}, EAGER | {"enable_lora": True}])
def test_one_model_on_a_cpu(engine_args: dict[str, Any]) -> None:
    assert CoreProcess.suits("cpu", engine_args)


@pytest.mark.parametrize(
    "engine_args",
    [
        {},
        {"enforce_eager": False},
        EAGER | {"tensor_parallel_size": 2},
        EAGER | {"pipeline_parallel_size": 2},
        EAGER | {"data_parallel_size": 2},
        EAGER | {"distributed_executor_backend": "mp"},
    ],
)
def test_what_compiles_or_has_several_processes(engine_args: dict[str, Any]) -> None:
    assert not CoreProcess.suits("cpu", engine_args)


def test_a_gpu() -> None:
    assert not CoreProcess.suits("cuda", EAGER)


@pytest.mark.parametrize("binding", ["auto", "nobind", "0|1", "0-3", ""])
def test_threads_that_vllm_binds_itself(monkeypatch: pytest.MonkeyPatch, binding: str) -> None:
    monkeypatch.setenv(CORES, binding)
    assert not CoreProcess.suits("cpu", EAGER)


@pytest.mark.parametrize("library", ["/usr/lib/libiomp5.so", "/x.so:/usr/lib/libomp.so"])
def test_a_preloaded_library_of_threads(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setenv("LD_PRELOAD", library)
    assert not CoreProcess.suits("cpu", EAGER)


def test_its_threads_are_bound_and_the_host_keeps_its_environment() -> None:
    before = dict(os.environ)
    with process_environment("cpu", EAGER, threads=["0", "1"]):
        added = {name: value for name, value in os.environ.items() if name not in before}
    libraries = added.pop("LD_PRELOAD", "")
    assert added == {"OMP_NUM_THREADS": "2", "GOMP_CPU_AFFINITY": "0 1", "TORCH_COMPILE_DISABLE": "1"}
    assert all(Path(file).is_file() for file in libraries.split(":") if file)
    assert dict(os.environ) == before


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with process_environment("cpu", EAGER, threads=["0", "1"]):
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.usefixtures("vllm")
def test_it_preloads_what_vllm_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/lib/mine.so")
    with process_environment("cpu", EAGER, threads=["0"]):
        libraries = os.environ["LD_PRELOAD"].split(":")
    assert "/lib/mine.so" in libraries
    assert [file for file in libraries if "libgomp" in file]
    assert os.environ["LD_PRELOAD"] == "/lib/mine.so"


def test_what_vllm_leaves_in_the_environment_of_the_host_goes() -> None:
    with process_environment("cpu", EAGER):
        os.environ["LD_PRELOAD"] = "/lib/of/vllm.so"
    assert "LD_PRELOAD" not in os.environ
