"""Accuracy against cost, by router and along a sweep, as PNG or SVG (by the file's ending); needs the extra `plots`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from peerleap.evals.extras import need
from peerleap.evals.methods import GROWING
from peerleap.evals.report.figure import write_figure
from peerleap.evals.report.results import Results
from peerleap.evals.report.sweep import METRICS, Point
from peerleap.graph import RouterName

ENDINGS = (".png", ".svg")
_ROUTERS = get_args(RouterName)
_HALF_WIDTH = 60  # characters of a legend
_WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def check_plot(target: Path, option: str = "--plot") -> None:
    """Say before a run why a plot could not be drawn.

    Raises:
        ValueError: another ending than `.png` or `.svg`, or no such folder.
        MissingExtra: matplotlib is not installed.
    """
    if target.suffix.lower() not in ENDINGS:
        raise ValueError(f"{option} {str(target)!r}: give a name that ends in {' or '.join(ENDINGS)}")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"{option} {str(target)!r}: there is no folder {str(target.absolute().parent)!r}")
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
            axis.set_xlim(0, 1.03 * axis.get_xlim()[1])
            axis.grid(alpha=0.3)
    # Beside the points, wherever they are.
    handles, names = axes[0][0].get_legend_handles_labels()
    # Two long names side by side would not fit the figure.
    columns = 2 if max(map(len, names), default=0) <= _HALF_WIDTH else 1
    figure.legend(handles, names, loc="outside upper center", ncols=columns)
    write_figure(figure, target, metadata=_provenance(results))


def plot_routers(results: Sequence[Results], target: Path) -> None:
    """Pass@1 of each LeaP file by its router, with 95 % intervals over questions; independent paths as a line.

    Raises:
        ValueError: no file is of the method `leap`.
    """
    bars = sorted((r for r in results if r.config["method"] == "leap"), key=lambda r: _ROUTERS.index(_router(r)))
    if not bars:
        raise ValueError("--plot-routers: none of the files is of the method 'leap'")
    figures = need("matplotlib.figure", "matplotlib", "plots")
    figure = figures.Figure(figsize=(max(6, 1.6 * len(bars)), 5), layout="constrained")
    axis = figure.subplots()
    points = [_point(result, result, "pass@1", 0) for result in bars]
    values = [value for _, value, _, _ in points]
    errors = [[value - low for _, value, low, _ in points], [high - value for _, value, _, high in points]]
    axis.bar(range(len(bars)), values, yerr=errors, capsize=4, color="tab:blue", alpha=0.7)
    axis.set_xticks(range(len(bars)), _router_names(bars))
    for result in results:
        if result.config["method"] == "independent":
            _, value, low, high = _point(result, result, "pass@1", 0)
            axis.axhline(value, color="black", linestyle="--", label=f"{result.name}, {value:.1f}")
            axis.axhspan(low, high, color="black", alpha=0.08)
    axis.set_ylabel("pass@1, %")
    axis.set_ylim(bottom=0)
    if axis.get_legend_handles_labels()[0]:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center")
    write_figure(figure, target, metadata=_provenance(results))


def plot_sweep(points: Sequence[Point], axis: str, target: Path) -> None:
    """Pass@1 and Cons@N along a sweep, with 95 % intervals over questions; dotted, generated tokens a path.

    Independent paths are a dashed curve with its interval; it is flat where the axis is of LeaP alone.
    """
    figures = need("matplotlib.figure", "matplotlib", "plots")
    figure = figures.Figure(figsize=(12, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    curves = {name: [point for point in points if point.series == name] for name in {p.series: None for p in points}}
    for panel, metric in zip(panels, METRICS, strict=True):
        tokens, drawn = panel.twinx(), list[list[Any]]()
        for number, (series, curve) in enumerate(curves.items()):
            colour, xs = f"C{number}", [point.x for point in curve]
            shares = [_point(point.result, point.result, metric, 0)[1:] for point in curve]
            values = [value for value, _, _ in shares]
            errors = [[value - low for value, low, _ in shares], [high - value for value, _, high in shares]]
            name = series or curve[0].result.config["method"]
            panel.errorbar(xs, values, errors, marker="o", capsize=3, color=colour, label=name)
            tokens.plot(xs, [point.tokens for point in curve], ":", color=colour, label=f"{name}, tokens")
            alone = [(point.x, _point(point.baseline, point.baseline, metric, 0)[1:])
                     for point in curve if point.baseline is not None]  # fmt: skip
            if alone and alone not in drawn:
                drawn.append(alone)
                lows, highs = [of[1] for _, of in alone], [of[2] for _, of in alone]
                panel.plot([x for x, _ in alone], [of[0] for _, of in alone], "--", color="black", label="independent")
                panel.fill_between([x for x, _ in alone], lows, highs, color="black", alpha=0.08)
        if axis != "temperature":
            panel.set_xscale("log", base=2)
        ticks = sorted({point.x for point in points})
        panel.set_xticks(ticks, [f"{x:g}" for x in ticks])
        panel.minorticks_off()
        panel.set_xlabel(axis)
        panel.set_ylabel(f"{metric}, %")
        panel.set_ylim(0, 102)
        tokens.set_ylabel("generated tokens a path")
        tokens.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    both = [axes.get_legend_handles_labels() for axes in (panels[0], tokens)]
    handles = {name: handle for found in both for handle, name in zip(*found, strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3)
    write_figure(figure, target, metadata=_provenance([point.result for point in points]))


def plot_shares(
    panels: Mapping[str, Mapping[str, Mapping[str, float]]], target: Path, results: Sequence[Results]
) -> None:
    """Stacked bars of shares: `panels[title][bar][part]`, the parts of a bar in order, 0 to 1."""
    figures = need("matplotlib.figure", "matplotlib", "plots")
    bars = sum(len(panel) for panel in panels.values())
    figure = figures.Figure(figsize=(max(7, 1.1 * bars + 2), 5), layout="constrained")
    widths = [max(1, len(panel)) for panel in panels.values()]
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True, width_ratios=widths)[0]
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        parts = list(dict.fromkeys(part for bar in panel.values() for part in bar))
        bottoms = [0.0] * len(panel)
        for number, part in enumerate(parts):
            heights = [100 * bar.get(part, 0.0) for bar in panel.values()]
            axis.bar(range(len(panel)), heights, bottom=bottoms, color=f"C{number}", alpha=0.8, label=part)
            bottoms = [low + height for low, height in zip(bottoms, heights, strict=True)]
        axis.set_xticks(range(len(panel)), [name.replace(", ", "\n") for name in panel])
        axis.set_title(title)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    axes[0].set_ylabel("share, %")
    axes[0].set_ylim(0, 100)
    write_figure(figure, target, metadata=_provenance(results))


def _provenance(results: Sequence[Results]) -> dict[str, str]:
    """What the picture shows, for its file: PNG and SVG both keep a title and a description."""
    shown = [
        {
            "name": result.name,
            "method": result.config["method"],
            "task": result.config["task"],
            "data": result.config["data"],
            "model": result.config["model"],
            "model_hash": result.config.get("model_hash"),
            "seeds": result.runs,
            "configuration": result.config_hash,
            "versions": dict(result.versions),
        }
        for result in results
    ]
    title = f"peerleap: {', '.join(result.name for result in results)}"
    return {"Title": title, "Description": json.dumps(shown, ensure_ascii=True)}


def _router(result: Results) -> str:
    return str(result.config.get("settings", {}).get("router", "dispersed"))


def _router_names(results: Sequence[Results]) -> list[str]:
    """The routers; where two files have the same one, with what else sets them apart."""
    names = [_router(result) for result in results]
    rest = [result.name.removeprefix("leap").strip(" ()").replace(", ", "\n") for result in results]
    return [f"{name}\n{more}" if names.count(name) > 1 else name for name, more in zip(names, rest, strict=True)]


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
