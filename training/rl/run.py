"""One run of reinforcement learning, from a checked plan to a trained model."""

import asyncio
import logging
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerleap.engine import SETTINGS_FILE
from peerleap.evals import Grader
from peerleap.training.checkpoints import RunFolder
from peerleap.training.machine import this_machine
from peerleap.training.rl.costs import check_memory, needs
from peerleap.training.rl.picture import draw_steps
from peerleap.training.rl.plan import RlPlan
from peerleap.training.rl.rollouts import as_grpo
from peerleap.training.rl.team import OnTokens
from peerleap.training.rl.teams import Rolled, Teams
from peerleap.training.rl.weights import LearningEngine, Weights
from peerleap.training.sft import Stopped

if TYPE_CHECKING:
    from peerleap.training.rl.steps import OnStep
    from peerleap.training.rl.trainer import LeapTrainer

_PICTURE_SECONDS = 60.0
_LISTEN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class RlResult:
    """A finished run."""

    folder: RunFolder
    steps: list[dict[str, float]]
    """What is known of each, as in `steps.jsonl`."""
    resumed_at: int
    """The step at which this call went on; 0 where it began."""


class _Halt(Exception):
    """Ctrl-C in the middle of rollouts."""


def train_rl(
    plan: RlPlan,
    *,
    engine: LearningEngine | None = None,
    on_step: "OnStep | None" = None,
    on_tokens: OnTokens | None = None,
    stop: Callable[[], bool] | None = None,
) -> RlResult:
    """Train, and put the result into the folder of the plan; a run that was stopped or killed goes on where it stood.

    The engine is closed at the end.

    Args:
        plan: what is trained, and how.
        engine: what the paths run on, instead of the plan's own.
        on_step: called after each step.
        on_tokens: called after each request with the number of tokens that it brought.
        stop: called often; if it returns true, the state is saved and the run ends.

    Raises:
        RolloutError: the folder holds another run, the machine's memory cannot hold the models, or engine and trainer
            disagree about what was sampled.
        EngineError: the engine is broken.
        Stopped: `stop` returned true.
    """
    folder = RunFolder(plan.out)
    folder.open(plan.fingerprint())
    run = _Run(plan, folder, engine or plan.engine, on_tokens, stop)
    if folder.done:
        return RlResult(folder, run.file.read(), plan.options.steps)
    check_memory(plan, this_machine())
    try:
        with warnings.catch_warnings(), asyncio.Runner() as run.runner:
            warnings.simplefilter("ignore")  # of libraries, about libraries
            return run.train(on_step)
    finally:
        if engine is None:
            plan.engine.close()
        run.weights.clear()


class _Run:
    """The parts of a run that its rollouts need."""

    runner: asyncio.Runner

    def __init__(
        self,
        plan: RlPlan,
        folder: RunFolder,
        engine: LearningEngine,
        on_tokens: OnTokens | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        from peerleap.training.rl.steps import StepFile

        self.plan, self.folder, self.engine, self._stop = plan, folder, engine, stop
        self.file: StepFile = StepFile(folder.path / "steps.jsonl")
        self.picture = folder.path / "steps.png"
        self.weights = Weights(engine, folder.path / "weights")
        self._on_tokens = on_tokens
        self._teams: Teams | None = None
        self._measures: dict[str, float] = {}
        self._drawn = time.monotonic()

    def train(self, on_step: "OnStep | None") -> RlResult:
        from peerleap.training.rl.steps import Watch

        last = self.folder.last_checkpoint()
        resumed = 0 if last is None else int(last.name.rpartition("-")[2])
        self.file.go_on_at(resumed)
        self.weights.clear()
        try:
            self.runner.run(self._unless_stopped(self.engine.start()))
        except _Halt:
            raise Stopped(f"stopped after step {resumed} of {self.plan.options.steps}; nothing is lost") from None
        trainer = self._trainer()
        watch = Watch(self.file, self.plan.options.steps, self._measured(trainer), on_step=on_step, stop=self._stop)
        trainer.add_callback(watch)
        with Grader() as grader:
            self._teams = Teams(self.plan, self.engine, grader, self._on_tokens)
            try:
                trainer.train(resume_from_checkpoint=None if last is None else str(last))
            except _Halt:
                watch.stopped = True
                self._save_state(trainer, watch)
        if watch.stopped:
            step, steps = trainer.state.global_step, self.plan.options.steps
            self._draw()
            raise Stopped(f"stopped after step {step} of {steps}; the same command goes on from there")
        self._draw()
        _save(trainer, self.plan, self.folder)
        return RlResult(self.folder, self.file.read(), resumed)

    def rollout(self, positions: list[str], trainer: Any) -> dict[str, list[Any]]:
        """TRL's `rollout_func`: all copies of all prompts of a step."""
        options, teams = self.plan.options, self._teams
        assert teams is not None
        began = time.monotonic()
        self.runner.run(self._unless_stopped(self.weights.bring(trainer.model, trainer.state.global_step)))
        seconds = time.monotonic() - began
        numbers = [int(position) for position in positions[:: options.group]]
        rolled: Rolled = self.runner.run(self._unless_stopped(teams.roll(numbers)))
        self._measures = {**rolled.measures, "seconds_weights": seconds}
        return as_grpo(rolled.rows, trainer.processing_class.pad_token_id)

    async def _unless_stopped(self, work: Any) -> Any:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=_LISTEN_SECONDS)
            if not task.done() and self._stop is not None and self._stop():
                task.cancel()
                await asyncio.wait({task})
                raise _Halt
        return task.result()

    def _measured(self, trainer: "LeapTrainer") -> Callable[[], dict[str, float]]:
        def measures() -> dict[str, float]:
            gaps, trainer.gaps = trainer.gaps, []
            if time.monotonic() - self._drawn > _PICTURE_SECONDS:
                self._draw()
            return {**self._measures, "gap": sum(gaps) / max(1, len(gaps)), "worst_gap": max(gaps, default=0.0)}

        return measures

    def _draw(self) -> None:
        options = self.plan.options
        rewards = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in options.rewards.items())
        draw_steps(self.file.read(), self.picture, f"{self.plan.model}, {options.method}, reward {rewards}")
        self._drawn = time.monotonic()

    def _trainer(self) -> "LeapTrainer":
        import torch
        from transformers import AutoModelForCausalLM, PrinterCallback
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        from peerleap.training.rl.trainer import make_trainer

        disable_progress_bar()
        set_verbosity_error()  # it tells of tied weights, and of the tokenizer's padding
        logging.getLogger("trl").setLevel(logging.ERROR)  # it warns of each path that failed
        plan, machine = self.plan, this_machine()
        found = needs(plan, machine)
        model = AutoModelForCausalLM.from_pretrained(plan.engine.resolved.path, dtype=torch.float32)
        trainer = make_trainer(
            model, plan.tokenizer, plan.options, self.rollout, machine=machine, device_batch=found.device_batch,
            most_tokens=found.own_tokens, checkpoints=self.folder.checkpoints, checkpointing=found.checkpointing,
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _save_state(self, trainer: "LeapTrainer", watch: Any) -> None:
        """Save the state in the middle of a step's rollouts: it is the one behind the step before."""
        step = trainer.state.global_step
        last = self.folder.last_checkpoint()
        if step and (last is None or last.name != f"checkpoint-{step}"):
            model: Any = trainer.model
            trainer._save_checkpoint(model, trial=None)
            watch.on_save(trainer.args, trainer.state, trainer.control)


def _save(trainer: "LeapTrainer", plan: RlPlan, folder: RunFolder) -> None:
    """The model in the numbers of the one that it was made from, with its tokenizer as it was."""
    import torch
    from transformers import AutoTokenizer

    new = folder.path / "model.new"
    shutil.rmtree(new, ignore_errors=True)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if plan.options.lora_rank is None:
        dtype = plan.config.dtype
        model.to(dtype if isinstance(dtype, torch.dtype) else torch.float32)
    model.save_pretrained(new)
    source = Path(plan.engine.resolved.path)
    AutoTokenizer.from_pretrained(plan.engine.resolved.path).save_pretrained(new)
    if (source / SETTINGS_FILE).is_file():
        shutil.copy(source / SETTINGS_FILE, new)
    folder.finish(new)
