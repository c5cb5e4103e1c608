"""What a team is rewarded for is what its paths did, through the real method."""

import pytest

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.evals import Grader, Problem
from peerleap.training.rl import RlOptions
from peerleap.training.rl.team import Work

SETTINGS = {"interval": 40, "cut": "exact", "summary_tokens": 64, "max_tokens": 2000, "answer_tokens": 60, "rounds": 1}
PROBLEM = Problem("q", "What is 2 + 2?", "4", "integer")


def ends_well(text: str, params: SamplingParams) -> str:
    if "</summarize>" in params.stop:
        return "I have 4.</summarize>"
    if not (params.stop or params.stop_token_ids):
        return "\\boxed{4}"
    return "It is four.</think>" if "</comment>" in text.rpartition("<think>")[2] else "So it goes on. " * 40


def leaves_a_summary_open(text: str, params: SamplingParams) -> str:
    return "I have, " * 40 if "</summarize>" in params.stop else ends_well(text, params)


def uses_up_its_budget(text: str, params: SamplingParams) -> str:
    going_on = params.stop and "</summarize>" not in params.stop
    return "So it goes on. " * 400 if going_on else ends_well(text, params)


def invents_a_block(text: str, params: SamplingParams) -> str:
    own = text.rpartition("<think>")[2]
    if "<comment>" in params.stop and "</comment>" in own and "Peers say" not in own:
        return "Peers say\n<comment>"
    return ends_well(text, params)


@pytest.mark.parametrize(
    ("script", "well_formed"),
    [(ends_well, True), (leaves_a_summary_open, False), (uses_up_its_budget, False), (invents_a_block, False)],
)
async def test_length_and_form_are_told_from_the_history(script: object, well_formed: bool) -> None:
    rewards = {"length": 1.0, "format": 10.0}
    with Grader() as grader:
        engine = ScriptedEngine(script, thinking=True)  # type: ignore[arg-type]
        work = Work(engine, grader, RlOptions(paths=2, rewards=rewards), SETTINGS)
        paths = await work.run(PROBLEM, 0)
        rows = work.rows(await work.judge(PROBLEM, paths), "q/0")
    for path, row in zip(paths, rows, strict=True):
        assert path.outcome != "failed"
        sampled = path.tokens.own + path.tokens.summary
        assert sampled > 0
        assert row.reward == pytest.approx(-min(1, sampled / 2000) - (0 if well_formed else 10))
