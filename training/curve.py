"""The loss of a run as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SMOOTHED = 0.9


def draw_curve(log: Sequence[Mapping[str, Any]], target: Path, title: str) -> None:
    """Draw the loss and the learning rate by step, and write the picture as a whole.

    Args:
        log: a mapping for each logged step, with `step`, `loss` and `learning_rate`.
        target: a `.png` file.
        title: what stands above it.
    """
    from matplotlib.figure import Figure

    from peerleap.evals.report import write_figure

    points = [entry for entry in log if "loss" in entry]
    steps = [entry["step"] for entry in points]
    losses = [entry["loss"] for entry in points]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    axis.plot(steps, losses, color="tab:blue", alpha=0.3, label="loss of a step")
    axis.plot(steps, smooth(losses), color="tab:blue", label="smoothed")
    axis.set_xlabel("step")
    axis.set_ylabel("loss a trained token, nats")
    axis.set_title(title, fontsize="medium")
    axis.grid(alpha=0.3)
    rates = axis.twinx()
    rates.plot(
        steps, [entry["learning_rate"] for entry in points], color="tab:orange", linestyle=":", label="learning rate"
    )
    rates.set_ylabel("learning rate")
    figure.legend(loc="outside lower center", ncols=3)
    write_figure(figure, target)


def smooth(values: Sequence[float]) -> list[float]:
    """An exponential mean that is right from the first value on."""
    mean, weight, smoothed = 0.0, 0.0, []
    for value in values:
        mean, weight = _SMOOTHED * mean + value, _SMOOTHED * weight + 1
        smoothed.append(mean / weight)
    return smoothed
