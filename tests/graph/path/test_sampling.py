"""How a path samples: its peer's values, those of the settings, and what its model's makers recommend."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.agents import Peer, Sampling
from peerleap.engine import ModelError
from peerleap.graph import SettingsError, as_settings

RECOMMENDED = {"temperature": 1.0, "top_p": 0.8, "top_k": 20, "presence_penalty": 1.5}
Folder = Callable[[dict[str, Any]], str]


@pytest.fixture
def model(make_model: Callable[..., Path]) -> Folder:
    """A model folder that recommends these values."""
    return lambda values: str(make_model(generation_config__json=json.dumps(values)))


@pytest.mark.parametrize(
    ("settings", "peer", "expected"),
    [
        ("model", Sampling(), RECOMMENDED),
        ({"base": "model"}, Sampling(), RECOMMENDED),
        ({"base": "model", "temperature": 0.3}, Sampling(), {**RECOMMENDED, "temperature": 0.3}),
        ("model", Sampling(top_k=5), {**RECOMMENDED, "top_k": 5}),
        ({}, Sampling(base="model"), {**RECOMMENDED, "min_p": 0.0, "repetition_penalty": 1.0}),
        ({"top_p": 0.5}, Sampling(base="model", top_k=5), {**RECOMMENDED, "top_k": 5, "min_p": 0.0,
                                                           "repetition_penalty": 1.0}),
        ({"presence_penalty": 0.5}, Sampling(), {"temperature": 0.6, "top_p": 0.95, "top_k": 40, "min_p": 0.0,
                                                 "repetition_penalty": 1.0, "presence_penalty": 0.5}),
    ],
)  # fmt: skip
def test_every_request_and_the_first_event_have_it(
    team: Any, say: Any, small: Any, model: Folder, settings: Any, peer: Sampling, expected: dict[str, float]
) -> None:
    peers = [Peer(name="solver", count=2, sampling=peer)]
    made = team(say(), peers=peers, model=model({**RECOMMENDED, "eos_token_id": 2}))
    stream = made.graph.compile().stream(
        {"question": "What is 2 + 2?"}, context={**small, "sampling": settings}, stream_mode="custom"
    )
    first = next(event for event in stream if event["type"] == "run")
    assert first["sampling"] == {"solver_1": expected, "solver_2": expected}
    list(stream)
    for call in made.engine.calls:
        assert {name: getattr(call.params, name) for name in expected} == expected


def test_each_path_takes_its_own_models_values(team: Any, say: Any, small: Any, model: Folder) -> None:
    calm, recommended = Sampling(temperature=0.1), Sampling(base="model")
    peers = [Peer(name="calm", sampling=calm), Peer(name="solver", sampling=recommended)]
    made = team(say(), peers=peers, model=model(RECOMMENDED))
    made.graph.compile().invoke({"question": "What is 2 + 2?"}, context=small)
    assert {call.params.temperature for call in made.engine.of("calm_1")} == {0.1}
    assert {call.params.temperature for call in made.engine.of("solver_1")} == {1.0}


def test_a_model_that_recommends_nothing_keeps_our_values_with_a_word(
    team: Any, say: Any, small: Any, model: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    made = team(say(), model=model({"eos_token_id": 2}))
    made.graph.compile().invoke({"question": "What is 2 + 2?"}, context={**small, "sampling": "model"})
    assert {call.params.temperature for call in made.engine.calls} == {0.6}
    assert "recommend no sampling values" in caplog.text


def test_what_cannot_be_read_is_refused_before_anything_runs(team: Any, say: Any, small: Any, model: Folder) -> None:
    made = team(say(), model=model({"temperature": "hot"}))
    with pytest.raises(ModelError, match=r"temperature='hot' in its 'generation_config.json'"):
        made.graph.compile().invoke({"question": "What is 2 + 2?"}, context={**small, "sampling": "model"})
    assert not made.engine.calls


@pytest.mark.parametrize("word", ["models", "", "default"])
def test_another_word_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match=f"sampling='{word}': give 'model' or fields"):
        as_settings({"sampling": word})


def test_a_kept_run_goes_on_as_it_began(team: Any, say: Any, small: Any, model: Folder) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    made = team(say(), model=model(RECOMMENDED))
    graph = made.graph.compile(checkpointer=InMemorySaver(), interrupt_after=["prepare"])
    config = {"configurable": {"thread_id": "a"}}
    graph.invoke({"question": "What is 2 + 2?"}, config, context={**small, "sampling": "model"})
    graph.invoke(None, config)
    assert {call.params.presence_penalty for call in made.engine.calls} == {1.5}
