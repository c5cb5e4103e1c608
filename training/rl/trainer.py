"""TRL's `GRPOTrainer` on our rows; a step whose rows the engine did not sample as the trainer sees them is refused."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from peerleap.training.machine import Machine
from peerleap.training.rl.options import RlOptions
from peerleap.training.rl.rollouts import RolloutError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TRL finds vLLM newer than it knows; its own vLLM is not used
    from trl import GRPOConfig, GRPOTrainer

_PADDED = 32
"""On a processor, rows are padded to multiples of this: every further shape would take memory of its own."""
_LOSSES = {"grpo": ("group", "dapo"), "dr_grpo": ("none", "dr_grpo")}
"""TRL's `scale_rewards` and `loss_type`. `dapo` is the mean over all trained tokens of the step."""


class LeapTrainer(GRPOTrainer):  # type: ignore[misc]
    """`GRPOTrainer` that takes its policy ratios from the engine's log-probabilities, and checks these."""

    def __init__(self, *args: Any, max_gap: float, **more: Any) -> None:
        self.max_gap = max_gap
        self.gaps: list[float] = []
        """Of each row since the last step: how far engine and trainer were apart on average, in nats a token."""
        self._logprobs: Any = None
        super().__init__(*args, **more)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        # The tokens were drawn by the engine, so it is its probabilities that the ratio has to be over.
        output["old_per_token_logps"] = output["sampling_per_token_logps"]
        return output

    def _get_per_token_logps_and_entropies(self, *args: Any, **more: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*args, **more)
        self._logprobs = found[0].detach()
        return found

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        loss = super()._compute_loss(model, inputs)
        self.gaps += row_gaps(self._logprobs, inputs)
        worst = max(self.gaps, default=0.0)
        if not worst <= self.max_gap:
            raise RolloutError(
                f"step {self.state.global_step + 1} is refused: the log-probabilities of engine and trainer differ by "
                f"{worst:.3g} nats a token in a row, and --max-gap is {self.max_gap:g}; does the engine run in lower "
                "precision?"
            )
        return loss


def row_gaps(logprobs: Any, inputs: Any) -> list[float]:
    """How far engine and trainer are apart in each row that has trained tokens.

    Args:
        logprobs: the trainer's, of shape (rows, completion tokens).
        inputs: TRL's batch.

    Returns:
        Mean absolute differences over the trained tokens of a row, in nats.
    """
    mask = inputs["completion_mask"] * inputs["tool_mask"]
    apart = ((logprobs - inputs["sampling_per_token_logps"]).abs() * mask).sum(-1)
    tokens = mask.sum(-1)
    return [float(gap) for gap in (apart[tokens > 0] / tokens[tokens > 0])]


def rewards_of_rows(reward: Sequence[float | None], **_: Any) -> list[float | None]:
    """TRL's reward function: the rows bring theirs along."""
    return list(reward)


def make_trainer(
    model: Any,
    tokenizer: Any,
    options: RlOptions,
    rollout: Callable[[list[str], Any], dict[str, list[Any]]],
    *,
    machine: Machine,
    device_batch: int,
    most_tokens: int,
    checkpoints: Path,
    checkpointing: bool = False,
) -> LeapTrainer:
    """A trainer for `options.steps` steps.

    Args:
        model: with the weights to begin with.
        tokenizer: its own; gets a padding token.
        options: how it learns.
        rollout: takes the positions of the run as text, each as often as it has rows, and gives `as_grpo`'s columns.
        machine: where it runs.
        device_batch: rows at once.
        most_tokens: that a path may write; what `dr_grpo` divides by.
        checkpoints: folder of states.
        checkpointing: compute activations twice.
    """
    from datasets import Dataset

    scale, loss = _LOSSES[options.advantages]
    config = GRPOConfig(
        output_dir=str(checkpoints),
        num_train_epochs=1,  # the positions are the whole run's
        per_device_train_batch_size=device_batch,
        gradient_accumulation_steps=options.rows // device_batch,
        gradient_checkpointing=checkpointing,
        num_generations=options.group,
        max_completion_length=most_tokens,
        shuffle_dataset=False,
        learning_rate=options.rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        optim="adamw_torch",
        max_grad_norm=1.0,
        temperature=options.temperature,
        top_p=1.0,
        top_k=0,
        beta=options.kl,
        loss_type=loss,
        scale_rewards=scale,
        disable_dropout=True,
        bf16=machine.bf16 and machine.cuda,
        use_cpu=not machine.cuda,
        pad_to_multiple_of=None if machine.cuda else _PADDED,
        logging_steps=1,
        save_strategy="no",  # `Watch` says when
        save_total_limit=2,
        disable_tqdm=True,
        report_to="none",
        seed=options.seed % 2**32,
        dataloader_pin_memory=machine.cuda,
    )
    positions = [str(position) for position in range(options.steps * options.questions)]
    return LeapTrainer(
        model=model,
        reward_funcs=rewards_of_rows,
        args=config,
        train_dataset=Dataset.from_dict({"prompt": positions}),
        processing_class=tokenizer,
        peft_config=adapters(model, options),
        rollout_func=rollout,
        max_gap=options.max_gap,
    )


def adapters(model: Any, options: RlOptions) -> Any:
    """PEFT's configuration of the adapters, or `None` where all weights are trained."""
    if options.lora_rank is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=options.lora_rank,
        lora_alpha=2 * options.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
        base_model_name_or_path=model.config._name_or_path,
    )
