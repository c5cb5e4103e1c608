"""A sweep's results: its points, and how steep its curves are, with intervals over questions.

The best of several points is not evidence: with a handful of values one of them is always ahead. The slope uses all of
them, and has one p.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from peerleap.evals.report.results import Results
from peerleap.evals.report.tables import percent, table
from peerleap.evals.stats import Difference, Estimate, paired_difference

METRICS = ("pass@1", "cons@n")
SWEEP_HEAD = ("questions x runs x paths", "Pass@1, %", "from independent", "Cons@N, %", "from independent",
              "own tokens a path", "generated tokens a path", "inserted tokens a path")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One cell of a sweep."""

    series: str
    """The values on all axes but the first; empty where there is one axis."""
    x: float
    """The value on the first axis."""
    values: Mapping[str, float]
    result: Results
    baseline: Results | None
    """Independent paths, as many as the cell has."""
    shared: Mapping[str, float]
    """The values that the baseline has in common with the cell: those that matter to a lone path, too."""

    def estimate(self, metric: str) -> Estimate:
        """The metric with its 95 % interval over questions."""
        return self.result.estimate(metric)

    def gain(self, metric: str) -> Difference | None:
        """The metric minus the baseline's, over the questions that both have; `None` below two of them."""
        if self.baseline is None:
            return None
        new, old = self.result.by_question(metric), self.baseline.by_question(metric)
        shared = sorted(new.keys() & old.keys())
        if len(shared) < 2:
            return None
        return paired_difference({q: new[q] for q in shared}, {q: old[q] for q in shared})

    @property
    def tokens(self) -> float:
        """Generated tokens a path, summaries included."""
        return self.result.tokens.generated / self.voters

    @property
    def voters(self) -> int:
        """Paths that vote, of all questions' runs."""
        return max(1, len(self.result.voters))


@dataclass(frozen=True, slots=True)
class Slope:
    """How much a metric changes along the first axis: one least-squares slope a question, averaged."""

    series: str
    metric: str
    per: str
    """What the slope is per, such as `doubling of interval`."""
    difference: Difference


def sweep_points(
    cells: Sequence[tuple[Mapping[str, float], Results]], baselines: Sequence[tuple[Mapping[str, float], Results]]
) -> list[Point]:
    """Order cells into curves.

    Args:
        cells: Each cell's values by axis, the first axis first, and its results.
        baselines: Independent paths with the values that they have in common with the cells they belong to.

    Returns:
        The points, by series and then by value; each with the baseline of its own number of paths.
    """
    points = []
    for values, result in cells:
        (_, x), *rest = values.items()
        series = ", ".join(f"{name} {value:g}" for name, value in rest)
        pairs = ((shared, of) for shared, of in baselines if shared.items() <= values.items())
        shared, own = next(pairs, ({}, None))
        shared = {**shared, **{name: value for name, value in values.items() if name == "paths"}}
        points.append(Point(series, x, values, result, None if own is None else _narrowed(own, result), shared))
    order = list(dict.fromkeys(point.series for point in points))
    return sorted(points, key=lambda point: (order.index(point.series), point.x))


def slopes(points: Sequence[Point], axis: str, *, doubling: bool) -> list[Slope]:
    """The slope of each curve in Pass@1 and Cons@N, over the questions that all of its points have.

    Args:
        points: What `sweep_points` returns.
        axis: Name of the first axis.
        doubling: Whether the slope is per doubling of the value, else per 0.1.

    Returns:
        A slope for each series and metric; none where a curve has fewer than two points or two questions in common.
    """
    found = []
    for series in dict.fromkeys(point.series for point in points):
        curve = [point for point in points if point.series == series]
        xs = np.array([math.log2(point.x) if doubling else 10 * point.x for point in curve])
        for metric in METRICS:
            values = [point.result.by_question(metric) for point in curve]
            shared = sorted(set.intersection(*(set(of) for of in values)))
            if len(curve) < 2 or len(shared) < 2:
                continue
            centred = xs - xs.mean()
            steep = {q: float(centred @ [of[q] for of in values] / (centred @ centred)) for q in shared}
            per = f"doubling of {axis}" if doubling else f"0.1 of {axis}"
            found.append(Slope(series, metric, per, paired_difference(steep, dict.fromkeys(shared, 0.0))))
    return found


def sweep_rows(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """A row for each baseline and each point: the method, its values on the axes, then as in `SWEEP_HEAD`."""
    axes, rows, seen = list(points[0].values), [], set[tuple[float, ...]]()
    for point in points:
        place = tuple(point.shared.values())
        if point.baseline is not None and place not in seen:
            seen.add(place)
            rows.append(_row(point.baseline, [point.shared.get(axis) for axis in axes], None))
    return [*rows, *(_row(point.result, [point.values[axis] for axis in axes], point) for point in points)]


def _row(result: Results, values: Sequence[float | None], point: Point | None) -> tuple[str, ...]:
    voters, tokens = max(1, len(result.voters)), result.tokens
    shares = [count / voters for count in (tokens.own, tokens.generated, tokens.inserted)]
    measured = [
        cell
        for metric in METRICS
        for cell in (percent(result.estimate(metric)), "-" if point is None else _gain(point, metric))
    ]
    design = f"{len(result.questions)} x {len(result.runs)} x {voters // len(result.paths)}"
    return (
        str(result.config["method"]),
        *("-" if value is None else f"{value:g}" for value in values),
        design if result.complete else f"{design} (not finished)",
        *measured,
        *(f"{share:,.0f}" for share in shares),
    )


def slope_sentence(slope: Slope) -> str:
    """What a slope shows, in a sentence without its full stop."""
    d = slope.difference
    where = f" at {slope.series}" if slope.series else ""
    sentence = f"{100 * d.value:+.1f} points [{100 * d.low:+.1f}, {100 * d.high:+.1f}] a {slope.per}, {d.p_text}"
    return f"{slope.metric}{where}: {sentence}{'' if d.p < 0.05 else '; no slope shown'}"


def sweep_markdown(points: Sequence[Point], found: Sequence[Slope]) -> str:
    """The report of a sweep: slopes first, then the table, then how it was run."""
    result, axes = points[0].result, list(points[0].values)
    reading = (
        "Slopes are least squares, one a question, averaged over questions with 95 % intervals (t); p from sign flips. "
        "Which point is highest is no finding: of several, one always is. Differences from independent paths are "
        "paired by question, at the same number of paths and not at equal tokens; they are exploratory.\n"
    )
    settings = {name: value for name, value in result.config["settings"].items() if name not in axes}
    if len(settings.get("sampling") or {}) == 1 and "temperature" in axes:
        del settings["sampling"]
    shown = ", ".join(f"{name}={value}" for name, value in settings.items()) or "its own settings"
    made = (
        f"Model {result.config['model']}, {shown}; data {str(result.config['data'])[:12]}, seeds {result.runs}. The "
        "cells are results files: `peerleap compare` puts any two side by side, at equal tokens, too.\n"
    )
    title = f"# {result.config['task']}: {result.config['method']} by {', '.join(axes)}\n"
    sentences = "".join(f"- {slope_sentence(slope)}\n" for slope in found)
    return "\n".join([title, sentences, reading, table(["method", *axes, *SWEEP_HEAD], sweep_rows(points)), made])


def _narrowed(baseline: Results, cell: Results) -> Results:
    """The baseline with as many paths as the cell has: the first ones, which are what fewer paths would have been."""
    width = min(int(cell.config["paths"]), int(baseline.config["paths"]))
    return replace(baseline.first(width), config={**baseline.config, "paths": width})


def _gain(point: Point, metric: str) -> str:
    d = point.gain(metric)
    return "-" if d is None else f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}], {d.p_text}"
