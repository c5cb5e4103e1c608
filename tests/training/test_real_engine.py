"""The results of a fine-tuning in a real vLLM: a whole model, and adapters on their base."""

import gc
import warnings
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import close_engines
from peerleap.training import SftOptions, fine_tune, opens_by_itself, sft_plan, try_model


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True])
def test_the_result_is_loaded_and_answers_a_question(
    lora: bool, vllm: None, tiny_model: Path, make_rows: Any, tmp_path: Path
) -> None:
    options = SftOptions(lora=lora, epochs=1, learning_rate=1e-3, batch=8)
    result = fine_tune(sft_plan(make_rows(8), str(tiny_model), options, tmp_path / "run"))
    folder = str(result.folder.model)
    model, adapters = (str(tiny_model), {"lora_path": folder}) if lora else (folder, {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # vLLM and torch deprecate as they are imported
            trial = try_model(model, "What is 3 + 4?", **adapters)
        assert trial.question == "What is 3 + 4?"
        assert trial.text
        assert opens_by_itself(trial).startswith("it opened ")
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # vLLM leaves its sockets to the collector
            close_engines()
            gc.collect()
