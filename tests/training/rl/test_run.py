"""Reinforcement learning with TRL's real trainer, through the real graph, on tiny models."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peerleap.training import Stopped
from peerleap.training.checkpoints import WHOLE, RunFolder
from peerleap.training.rl import RlOptions, RlPlan, RolloutError, rl_plan, train_rl

SETTINGS = {"interval": 24, "cut": "exact", "rounds": 1, "max_tokens": 40, "answer_tokens": 6, "summary_tokens": 8}
STEPS = 5


def options(**more: Any) -> RlOptions:
    fast = {"steps": STEPS, "questions": 2, "teams": 1, "paths": 2, "learning_rate": 1e-3, "kl": 0.01}
    return RlOptions(**{**fast, **more})


@pytest.fixture
def plan(tiny_model: Path, questions: str, tmp_path: Path) -> Callable[..., RlPlan]:
    def make(name: str = "run", **more: Any) -> RlPlan:
        return rl_plan(questions, str(tiny_model), options(**more), tmp_path / name, settings=SETTINGS)

    return make


def rewarded_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model is never right: let the reward tell paths apart by what they wrote."""
    from peerleap.training.rl import team

    def reward(names: Any, outcome: Any, **_: Any) -> dict[str, float]:
        return {path: float(number % 2) for number, path in enumerate(outcome.correct)}

    monkeypatch.setattr(team, "reward", reward)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(folder / "model.safetensors")
    return found


def test_a_run_changes_the_model_and_tells_each_step(
    plan: Any, torch_engine: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewarded_by_length(monkeypatch)
    seen: list[Any] = []
    tokens: list[int] = []
    result = train_rl(plan(), engine=torch_engine, on_step=seen.append, on_tokens=tokens.append)
    assert [step.step for step in seen] == list(range(1, STEPS + 1))
    assert torch_engine.loaded == [f"step-{step}" for step in range(1, STEPS)]
    steps = result.steps
    assert steps == [dict(step.measures) for step in seen]
    # Engine and trainer have the same weights in each step, so they agree although these change.
    assert all(0 < step["worst_gap"] < 1e-4 for step in steps)
    assert all(step["reward"] == 0.5 and step["summary_tokens"] > 0 for step in steps)
    assert steps[0]["kl"] == 0 < steps[-1]["kl"]
    assert sum(tokens) == sum(step["generated"] for step in steps) > STEPS * 4 * 40
    assert sorted(file.name for file in result.folder.path.iterdir()) == [
        "model", "run.json", "steps.jsonl", "steps.png",
    ]  # fmt: skip
    before, after = weights(tiny_model), weights(result.folder.model)
    assert before.keys() == after.keys()
    assert any((before[name] != after[name]).any() for name in before)
    assert train_rl(plan(), engine=torch_engine).resumed_at == STEPS  # it was done before


def test_adapters_and_independent_paths(plan: Any, torch_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rewarded_by_length(monkeypatch)
    monkeypatch.setattr(type(torch_engine), "load_weights", _load_adapters)
    made = plan(lora_rank=2, method="independent", steps=2, kl=0.0, advantages="dr_grpo", device_batch=1, max_gap=0.01)
    result = train_rl(made, engine=torch_engine)
    assert (result.folder.model / "adapter_config.json").is_file()
    assert [step["comments"] for step in result.steps] == [0, 0]
    assert all(step["worst_gap"] < 1e-4 for step in result.steps)
    assert "kl" not in result.steps[0]


async def _load_adapters(engine: Any, folder: Path) -> None:
    from peft import PeftModel

    base = engine.torch_model.unload() if hasattr(engine.torch_model, "unload") else engine.torch_model
    engine.torch_model = PeftModel.from_pretrained(base, folder).eval()


def test_an_engine_with_other_weights_is_refused(plan: Any, torch_engine: Any, tmp_path: Path) -> None:
    import torch

    with torch.no_grad():
        for weight in torch_engine.torch_model.parameters():
            weight.mul_(1.5)
    with pytest.raises(RolloutError, match=r"step 1 is refused: the log-probabilities of engine and trainer differ by"):
        train_rl(plan(max_gap=1e-3), engine=torch_engine)
    assert not RunFolder(tmp_path / "run").done


@pytest.mark.parametrize("after", [1, 60])
def test_ctrl_c_stops_at_once_and_the_run_goes_on(
    plan: Any, torch_engine: Any, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of a step's rollouts, of which nothing is lost but these."""
    rewarded_by_length(monkeypatch)
    requests: list[int] = []
    made: list[int] = []

    def stop() -> bool:
        return len(requests) >= after and len(made) >= after // 60

    with pytest.raises(Stopped, match=rf"stopped after step \d of {STEPS}"):
        train_rl(
            plan(), engine=torch_engine, on_tokens=requests.append, on_step=lambda s: made.append(s.step), stop=stop
        )
    done = len(made)
    assert done < STEPS
    result = train_rl(plan(), engine=torch_engine)
    assert result.resumed_at == done
    assert [step["step"] for step in result.steps] == list(range(1, STEPS + 1))


CHILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, {folder!r})
import conftest, test_run
from peerleap.training.rl import rl_plan, team, train_rl
team.reward = lambda names, outcome, **_: {{path: float(n % 2) for n, path in enumerate(outcome.correct)}}
def on_step(step):
    print(step.step, flush=True)
    if step.step == 3:
        sys.stdin.read()  # until it is killed
questions, model, out = sys.argv[1:]
plan = rl_plan(questions, model, test_run.options(), out, settings=test_run.SETTINGS)
train_rl(plan, engine=conftest.TorchEngine(Path(model)), on_step=on_step)
"""


def test_a_killed_run_goes_on_with_the_same_step_data_and_weights(
    plan: Any, torch_engine: Any, tiny_model: Path, questions: str, tmp_path: Path, child_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rewarded_by_length(monkeypatch)
    code = CHILD.format(folder=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, questions, str(tiny_model), str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_env, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == "3":
                break
        child.send_signal(signal.SIGKILL)
    folder = RunFolder(tmp_path / "run")
    assert not folder.done
    torn = folder.checkpoints / "checkpoint-4"  # a kill in the middle of saving
    torn.mkdir(exist_ok=True)
    (torn / WHOLE).unlink(missing_ok=True)
    with (folder.path / "steps.jsonl").open("a") as file:
        file.write('{"step": 4, "los')
    again = train_rl(plan(), engine=torch_engine)
    assert again.resumed_at in {2, 3}
    fresh = type(torch_engine)(tiny_model)
    undisturbed = train_rl(plan("whole"), engine=fresh)
    assert [step["step"] for step in again.steps] == list(range(1, STEPS + 1))
    for name in ("loss", "reward", "own_tokens", "token_entropy", "kl"):
        assert [step[name] for step in again.steps] == pytest.approx(
            [step[name] for step in undisturbed.steps], abs=1e-7
        )
    one, other = weights(again.folder.model), weights(undisturbed.folder.model)
    assert all((one[name] == other[name]).all() for name in one)


def test_another_run_is_not_taken_up(plan: Any, torch_engine: Any, tmp_path: Path) -> None:
    train_rl(plan(steps=1), engine=torch_engine)
    with pytest.raises(ValueError, match="holds a run of other seed"):
        train_rl(plan(steps=1, seed=3), engine=torch_engine)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 0
