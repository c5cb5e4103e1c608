"""Accuracy against cost, as PNG or SVG (by the file's ending); needs the extra `plots`."""

from collections.abc import Sequence
from pathlib import Path

from peerleap.evals.extras import need
from peerleap.evals.methods import GROWING
from peerleap.evals.results import Results

ENDINGS = (".png", ".svg")
_WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def check_plot(target: Path) -> None:
    """Say before a run why a plot could not be drawn.

    Raises:
        ValueError: another ending than `.png` or `.svg`, or no such folder.
        MissingExtra: matplotlib is not installed.
    """
    if target.suffix.lower() not in ENDINGS:
        raise ValueError(f"--plot {str(target)!r}: give a name that ends in {' or '.join(ENDINGS)}")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"--plot {str(target)!r}: there is no folder {str(target.absolute().parent)!r}")
    need("matplotlib", extra="plots")


def plot(results: Sequence[Results], target: Path, metric: str = "cons@n") -> None:
    """`metric` and Pass@1 against generated tokens and wall-clock of a question's run, with 95 % intervals.

    Methods whose paths can be cut off one by one are curves over their first 1, 2, 4, ... paths.
    """
    figures = need("matplotlib.figure", "matplotlib", "plots")
    figure = figures.Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharey="row")
    for row, name in enumerate((metric, "pass@1")):
        for column, cost in enumerate(("generated tokens a question", "wall-clock a question, s")):
            axis = axes[row][column]
            for result in results:
                points = [_point(part, result, name, column) for part in _parts(result, name)]
                xs, ys, lows, highs = zip(*points, strict=True)
                errors = [[y - low for y, low in zip(ys, lows, strict=True)],
                          [high - y for y, high in zip(ys, highs, strict=True)]]  # fmt: skip
                axis.errorbar(xs, ys, errors, marker="o", capsize=3, label=result.name)
            axis.set_xlabel(cost)
            axis.set_ylabel(f"{name}, %")
            axis.set_xlim(left=0)
            axis.grid(alpha=0.3)
    axes[0][0].legend()
    figure.savefig(target, dpi=150)


def _parts(result: Results, metric: str) -> list[Results]:
    if result.config["method"] not in GROWING or metric == "pass@1":
        return [result]
    most = max(len(paths) for paths in result.paths.values())
    widths = [*(width for width in _WIDTHS if width < most), most]
    return [result.first(width) for width in widths]


def _point(part: Results, whole: Results, metric: str, column: int) -> tuple[float, float, float, float]:
    estimate = part.estimate(metric)
    tokens = part.tokens.generated
    share = tokens / max(1, whole.tokens.generated)
    cost = (tokens if column == 0 else whole.seconds * share) / len(whole.paths)
    low = estimate.value if estimate.low != estimate.low else max(0.0, estimate.low)
    high = estimate.value if estimate.high != estimate.high else min(1.0, estimate.high)
    return max(cost, 1e-6), 100 * estimate.value, 100 * low, 100 * high
