"""The course of a run as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_PANELS: tuple[tuple[str, dict[str, str]], ...] = (
    ("reward", {"reward": "tab:blue"}),
    ("share that is right", {"right": "tab:blue", "team_right": "tab:green"}),
    ("entropy of a question's answers, nats", {"answer_entropy": "tab:blue"}),
    ("tokens a path", {"own_tokens": "tab:blue", "summary_tokens": "tab:green"}),
    ("divergence from the start, nats a token", {"kl": "tab:blue"}),
    ("engine and trainer apart, nats a token", {"gap": "tab:blue"}),
)
_NAMES = {"right": "a path", "team_right": "a team's vote", "own_tokens": "own", "summary_tokens": "summaries"}


def draw_steps(steps: Sequence[Mapping[str, float]], target: Path, title: str) -> None:
    """Draw reward, accuracy, answer entropy, length, divergence and the gap by step, and write the picture as a whole.

    Args:
        steps: lines of the file of steps.
        target: a `.png` file.
        title: what stands above it.
    """
    from matplotlib.figure import Figure

    from peerleap.evals.report import write_figure
    from peerleap.training.curve import smooth

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    figure.suptitle(title, fontsize="medium")
    for axis, (label, lines) in zip(figure.subplots(2, 3).flat, _PANELS, strict=True):
        for name, colour in lines.items():
            points = [(step["step"], step[name]) for step in steps if name in step]
            if not points:
                continue
            numbers, values = zip(*points, strict=True)
            axis.plot(numbers, values, color=colour, alpha=0.3)
            axis.plot(numbers, smooth(values), color=colour, label=_NAMES.get(name))
        axis.set_ylabel(label)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if len(lines) > 1 and axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize="small")
    write_figure(figure, target, dpi=110)
