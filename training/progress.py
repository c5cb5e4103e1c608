"""What happens beside the steps of a run: it is watched, saved from time to time, and stopped on demand."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from peerleap.training.checkpoints import WHOLE
from peerleap.training.plan import SftPlan


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step has been made."""

    step: int
    total: int
    loss: float
    """Mean over the trained tokens of the step, in nats."""
    tokens_per_second: float
    """Tokens, read and trained, since this call began."""
    seconds_left: float


OnStep = Callable[[Step], None]


class Watch(TrainerCallback):  # type: ignore[misc]
    """Reports each step, saves the state at intervals of time, and stops the run on demand."""

    def __init__(
        self, plan: SftPlan, *, save_minutes: float, on_step: OnStep | None, stop: Callable[[], bool] | None
    ) -> None:
        self.stopped = False
        self._total, self._on_step, self._stop = plan.steps, on_step, stop
        self._save_seconds = 60 * save_minutes
        self._began = self._saved = time.monotonic()
        self._first: int | None = None
        self._before = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The clock starts once the model is loaded."""
        self._began = self._saved = time.monotonic()
        self._first = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Save where enough time has passed, or where the run is to stop."""
        if state.global_step >= self._total:
            return  # the result itself is saved
        if self._stop is not None and self._stop():
            self.stopped = control.should_save = control.should_training_stop = True
        elif time.monotonic() - self._saved >= self._save_seconds:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint as whole: all of its files are written."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()
        self._saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Report the step."""
        if self._on_step is None or not logs or "loss" not in logs or not state.is_world_process_zero:
            return
        seconds = max(1e-6, time.monotonic() - self._began)
        made = state.global_step - (self._first or 0)
        self._on_step(
            Step(
                step=state.global_step,
                total=self._total,
                loss=float(logs["loss"]),
                tokens_per_second=float(logs.get("num_tokens", 0)) / seconds,
                seconds_left=seconds / max(1, made) * (self._total - state.global_step),
            )
        )
