"""What is known of each step: the file of steps, and what happens beside them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from peerleap.training.checkpoints import WHOLE

_SHARE = 0.05
"""States are saved as often as takes at most this share of the time."""
_OF_TRL = {
    "loss": "loss", "reward": "reward", "reward_std": "reward_std", "kl": "kl", "entropy": "token_entropy",
    "frac_reward_zero_std": "equal_groups", "grad_norm": "gradient", "clip_ratio/region_mean": "clipped",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RlStep:
    """One step has been made."""

    step: int
    total: int
    measures: Mapping[str, float]
    """By name, as in the file of steps."""


OnStep = Callable[[RlStep], None]


class StepFile:
    """One JSON object a line for each step; a run that goes on takes back the steps that it does again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[dict[str, float]]:
        """All whole lines."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]  # behind the last line break may stand what a kill left

    def go_on_at(self, step: int) -> None:
        """Forget what comes after so many steps."""
        lines = [line for line in self.read() if line["step"] <= step]
        new = self.path.with_name(f"{self.path.name}.new")
        new.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        new.replace(self.path)

    def add(self, line: Mapping[str, float]) -> None:
        """Add a step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(line)) + "\n")


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes down each step, says when the state is saved, and stops the run on demand."""

    def __init__(
        self,
        file: StepFile,
        total: int,
        measures: Callable[[], dict[str, float]],
        *,
        on_step: OnStep | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.stopped = False
        self._file, self._total, self._measures = file, total, measures
        self._on_step, self._stop = on_step, stop
        self._saved, self._saving, self._took = time.monotonic(), 0.0, 0.0
        self._began = time.monotonic()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The clock of a step."""
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Save where enough time has passed, or where the run is to stop."""
        self._saving = time.monotonic()
        if state.global_step >= self._total:
            return  # the result itself is saved
        if self._stop is not None and self._stop():
            self.stopped = control.should_save = control.should_training_stop = True
        elif self._saving - self._saved >= self._took / _SHARE:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Mark the checkpoint as whole: all of its files are written."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()
        self._saved = time.monotonic()
        self._took = self._saved - self._saving

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Write the step down and report it."""
        if not logs or "loss" not in logs:
            return
        found = {name: float(logs[key]) for key, name in _OF_TRL.items() if logs.get(key) is not None}
        seconds = self._saving - self._began
        line = {"step": state.global_step, **found, **self._measures(), "seconds": seconds}
        beside = sum(value for name, value in line.items() if name.startswith("seconds_"))
        line["seconds_training"] = max(0.0, seconds - beside)
        line = {name: value if name == "step" else float(f"{value:.6g}") for name, value in line.items()}
        self._file.add(line)
        if self._on_step is not None:
            self._on_step(RlStep(state.global_step, self._total, line))
