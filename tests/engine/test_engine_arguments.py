"""Engine arguments go to vLLM under vLLM's names; one it does not know is refused before a process is made."""

import pytest

from peerleap.engine import EngineStartError
from peerleap.engine.vllm_core import Starting, _make

# `real_engine` imports vLLM without its warnings.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("vllm", "real_engine")]


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
