"""SkyRL's contract: the fields and checks of SkyRL 0.3.0, which pins other versions than ours and is not installed.

The names are those of `skyrl/train/generators/base.py` (`GeneratorInput`, `GeneratorOutput`, `TrajectoryID`,
`BatchMetadata`), the checks those of `validate_generator_output` in `skyrl/train/utils/trainer_utils.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Problem
from peerleap.training.rl import LeapGenerator, RlOptions, RolloutError

OUTPUT = {
    "prompt_token_ids", "response_ids", "rewards", "loss_masks", "stop_reasons", "rollout_metrics", "rollout_logprobs",
    "trajectory_ids", "trajectory_generation_times", "rollout_expert_indices", "is_last_step", "env_metrics",
    "pixel_values", "image_grid_thw",
}  # fmt: skip
SETTINGS = {"interval": 40, "cut": "exact", "summary_tokens": 64, "max_tokens": 6000, "answer_tokens": 60, "rounds": 1}


@dataclass
class TrajectoryID:
    instance_id: str
    repetition_id: int


@dataclass
class BatchMetadata:
    global_step: int
    training_phase: str


def script(text: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have 4.</summarize>"
    if "dies" in text:
        raise RuntimeError("out of memory")
    if not (params.stop or params.stop_token_ids):
        return "\\boxed{4}" if (params.seed or 0) % 2 else "\\boxed{5}"
    return "It is four.</think>" if "</comment>" in text.rpartition("<think>")[2] else "So it goes on. " * 40


@pytest.fixture
def generator() -> Iterator[LeapGenerator]:
    def problem(prompt: Any, extras: Mapping[str, Any]) -> Problem:
        return Problem("q", prompt[-1]["content"], extras["answer"], "integer")

    options = RlOptions(paths=2, rewards={"own": 1.0, "taught": 0.5})
    with Grader() as grader:
        yield LeapGenerator(ScriptedEngine(script, thinking=True), grader, problem, options, SETTINGS)


def batch(*names: str, samples: int = 4) -> dict[str, Any]:
    """As SkyRL's `prepare_generator_input` makes it, but with the samples of the prompts in turn."""
    ids = [TrajectoryID(name, repetition) for repetition in range(samples) for name in names]
    return {
        "prompts": [[{"role": "user", "content": f"What is 2 + 2? {one.instance_id}"}] for one in ids],
        "env_classes": ["leap"] * len(ids),
        "env_extras": [{"answer": "4"}] * len(ids),
        "sampling_params": None,
        "trajectory_ids": ids,
        "batch_metadata": BatchMetadata(3, "train"),
    }


async def test_trajectories_fit_the_contract(generator: LeapGenerator) -> None:
    given = batch("a", "b")
    output = await generator.generate(given)
    assert set(output) == OUTPUT
    assert output["trajectory_ids"] == given["trajectory_ids"]
    tokenizer = ScriptedEngine(script, thinking=True).tokenizer
    for n, one in enumerate(given["trajectory_ids"]):
        assert f"2 + 2? {one.instance_id}" in tokenizer.decode(output["prompt_token_ids"][n])
        response, mask = output["response_ids"][n], output["loss_masks"][n]
        assert len(response) == len(mask) == len(output["rollout_logprobs"][n]) > 0
        assert {0, 1} == set(mask)
        assert all(
            (logprob != 0) == bool(own) for logprob, own in zip(output["rollout_logprobs"][n], mask, strict=True)
        )
        right = "boxed{4}" in tokenizer.decode(response)
        assert output["rewards"][n] == float(right)
        assert output["stop_reasons"][n] == "stop"
    for name in ("rewards", "stop_reasons", "prompt_token_ids"):
        assert len(output[name]) == 8
    # The same step asks for the same, another one for something else.
    assert (await generator.generate(given))["response_ids"] == output["response_ids"]
    other = {**given, "batch_metadata": BatchMetadata(4, "train")}
    assert (await generator.generate(other))["rewards"] != output["rewards"]


async def test_paths_that_failed_weigh_nothing(generator: LeapGenerator) -> None:
    output = await generator.generate(batch("dies", samples=2))
    assert output["loss_masks"] == [[0], [0]]
    assert output["rewards"] == [0.0, 0.0]
    assert output["rollout_logprobs"] == [[0.0], [0.0]]


async def test_samples_that_are_no_teams_are_refused(generator: LeapGenerator) -> None:
    with pytest.raises(RolloutError, match="'a' has 3 samples, which teams of 2 paths do not divide"):
        await generator.generate(batch("a", samples=3))
