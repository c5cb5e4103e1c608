"""Engine arguments go to vLLM under vLLM's names; one it does not know is refused before a process is made."""

import pytest

from peerleap.engine import EngineMissing, EngineStartError
from peerleap.engine.device import vllm_device
from peerleap.engine.vllm_core import Starting, _make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def vllm(request: pytest.FixtureRequest) -> None:
    try:
        vllm_device()
    except EngineMissing as error:
        pytest.skip(str(error))
    request.getfixturevalue("real_engine")  # imports vLLM without its warnings


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_model_length", "did you mean 'max_model_len'?"),
        ("tensor_paralel_size", "did you mean 'tensor_parallel_size'?"),
        ("zzzzzz", "unknown to vLLM"),
    ],
)
def test_unknown_argument_names_the_close_match(name: str, hint: str) -> None:
    with pytest.raises(EngineStartError, match=f"engine argument {name!r} is unknown to vLLM") as caught:
        _make({"model": "x", name: 1}, Starting())
    assert hint in str(caught.value)
