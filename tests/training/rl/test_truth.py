"""What TRL makes of our rows: the gradient of a bandit by hand, masks and log-probabilities by a plain forward pass."""

import math
from pathlib import Path
from typing import Any

import pytest

from peerleap.training.machine import Machine
from peerleap.training.rl import RlOptions, Rollout, as_grpo, make_rollouts, rl_plan, train_rl
from peerleap.training.rl.trainer import make_trainer

MACHINE = Machine("test", cuda=False, memory=1 << 34, bf16=False, devices=1)
PROMPT, LEFT, RIGHT, READ = [5, 6], 7, 8, 9


def bandit(tokens: int) -> Any:
    """A small model with an output layer of its own: the gradient there is known in closed form."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokens, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16,
        tie_word_embeddings=False, bos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


@pytest.mark.filterwarnings("ignore")  # TRL's, about TRL
@pytest.mark.parametrize("advantages", ["grpo", "dr_grpo"])
@pytest.mark.parametrize("device_batch", [4, 2])
def test_a_bandits_gradient(advantages: str, device_batch: int, tiny_model: Path, tmp_path: Path) -> None:
    """Two arms, right pays 1: what reaches the output layer is minus the mean of advantage times score."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = bandit(len(tokenizer))
    prompt = torch.tensor([PROMPT])
    with torch.no_grad():
        out = model(prompt, output_hidden_states=True)
    hidden = out.hidden_states[-1][0, -1].double()  # the last layer's, normalised
    chances = torch.softmax(out.logits[0, -1].double(), -1)
    # The third row pulls an arm and reads a token that it did not write; the fourth failed.
    arms, paid = [LEFT, RIGHT, RIGHT], [0.0, 1.0, 1.0]
    rows = [
        Rollout([*PROMPT, arm], [0, 0, 1], [0.0, 0.0, math.log(chances[arm])], pay, "t", f"p{n}", 2)
        for n, (arm, pay) in enumerate(zip(arms, paid, strict=True))
    ]
    rows[2] = Rollout([*rows[2].input_ids, READ], [0, 0, 1, 0], [*rows[2].logprobs, 0.0], 1.0, "t", "p2", 2)
    rows.append(Rollout([*PROMPT], [0, 0], [0.0, 0.0], 0.0, "t", "p3", 2))
    options = RlOptions(
        paths=2, teams=2, questions=1, steps=1, kl=0.0, advantages=advantages, learning_rate=1e-3, max_gap=1e-4
    )
    gradients: list[Any] = []
    trainer = make_trainer(
        model, tokenizer, options, lambda *_: as_grpo(rows, 0), machine=MACHINE,
        device_batch=device_batch, most_tokens=10, checkpoints=tmp_path / "c",
    )  # fmt: skip
    model.lm_head.weight.register_hook(lambda found: gradients.append(found.double().clone()))
    trainer.args.max_grad_norm = 0.0
    trainer.train()
    mean = sum(paid) / 3
    deviation = torch.tensor(paid).double().std() + 1e-4 if advantages == "grpo" else 1.0
    # Mean over the trained tokens of the step, or over all rows and most tokens of a path.
    over = 3.0 if advantages == "grpo" else 4.0 * 10
    expected = torch.zeros_like(model.lm_head.weight).double()
    for arm, pay in zip(arms, paid, strict=True):
        score = -chances.clone()
        score[arm] += 1.0
        expected -= (pay - mean) / deviation * torch.outer(score, hidden) / over
    assert torch.allclose(sum(gradients), expected, atol=1e-6)
    assert float(expected.abs().max()) > 1e-3


def test_masks_and_log_probabilities_are_those_of_a_plain_forward_pass(
    torch_engine: Any, tiny_model: Path, questions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from peerleap.training.rl import team, trainer

    rows: list[Rollout] = []
    batches: list[Any] = []
    make, gaps = make_rollouts, trainer.row_gaps

    def made(*args: Any, **more: Any) -> list[Rollout]:
        rows.extend(found := make(*args, **more))
        return found

    def seen(logprobs: Any, inputs: Any) -> list[float]:
        batches.append((logprobs, inputs))
        return gaps(logprobs, inputs)

    monkeypatch.setattr(team, "make_rollouts", made)
    monkeypatch.setattr(trainer, "row_gaps", seen)
    settings = {"interval": 24, "cut": "exact", "rounds": 1, "max_tokens": 40, "answer_tokens": 6, "summary_tokens": 8}
    options = RlOptions(steps=1, questions=2, teams=2, paths=2, device_batch=2, temperature=0.8, max_gap=1e-3)
    model = torch_engine.torch_model
    train_rl(rl_plan(questions, str(tiny_model), options, tmp_path / "run", settings=settings), engine=torch_engine)
    met = 0
    for logprobs, inputs in batches:
        for n in range(len(logprobs)):
            length = int(inputs["completion_mask"][n].sum())
            prompt = inputs["prompt_ids"][n][inputs["prompt_mask"][n].bool()].tolist()
            ids = [*prompt, *inputs["completion_ids"][n][:length].tolist()]
            row = next(row for row in rows if row.input_ids == ids)
            assert inputs["tool_mask"][n][:length].tolist() == row.loss_mask[len(prompt) :]
            with torch.no_grad():
                plain = torch.log_softmax(model(torch.tensor([ids])).logits[0] / 0.8, -1)
            for place in range(len(prompt), len(ids)):
                if row.loss_mask[place]:
                    expected = float(plain[place - 1, ids[place]])
                    assert row.logprobs[place] == pytest.approx(expected, abs=1e-3)
                    assert float(logprobs[n, place - len(prompt)]) == pytest.approx(expected, abs=1e-3)
                    met += 1
                else:
                    assert row.logprobs[place] == 0.0
    assert len(rows) == sum(len(logprobs) for logprobs, _ in batches) == 8
    assert met == sum(sum(row.loss_mask) for row in rows) > 8 * 24
