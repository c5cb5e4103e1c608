"""The values that a model's makers recommend come from its `generation_config.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import ModelError, recommended_sampling

CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "eos_token_id": [1, 2]},
        {"temperature": 0.6, "top_p": 0.95, "top_k": 20},
    ),
    ({"presence_penalty": 1.5, "min_p": 0.0}, {"presence_penalty": 1.5, "min_p": 0.0}),
    ({"repetition_penalty": 1.05, "max_new_tokens": 2048}, {"repetition_penalty": 1.05}),
    ({"do_sample": False, "temperature": 1.0}, {"temperature": 0}),
    ({"temperature": None}, {}),
    ({}, {}),
]


@pytest.mark.parametrize(("config", "values"), CASES)
def test_values(make_model: Any, config: dict[str, Any], values: dict[str, Any]) -> None:
    assert recommended_sampling(str(make_model(generation_config__json=json.dumps(config)))) == values


def test_a_model_without_the_file_recommends_nothing(make_model: Any) -> None:
    assert recommended_sampling(str(make_model())) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"temperature": 3}', r"temperature=3 .* between 0.0 and 2.0"),
        ('{"top_p": "high"}', "top_p='high'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(make_model: Any, text: str, message: str) -> None:
    folder: Path = make_model(generation_config__json=text)
    with pytest.raises(ModelError, match=message):
        recommended_sampling(str(folder))
