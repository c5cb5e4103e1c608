"""Sweeps: their cells and baselines, the slope of their curves, and what is refused before anything runs."""

import math
from pathlib import Path
from typing import Any

import pytest

from peerleap.engine import ScriptedEngine
from peerleap.evals import (
    Axis,
    Header,
    MethodConfig,
    PathRecord,
    Plan,
    Problem,
    Results,
    Verdict,
    check_blocks,
    parse_axis,
    sweep_cells,
)
from peerleap.evals.report import slope_sentence, slopes, sweep_points, sweep_rows
from peerleap.evals.stats import Tokens

QUESTION = Problem("q", "What is 1 + 1?", "2", "integer")


def plan(method: str = "leap", paths: int = 4, **settings: Any) -> Plan:
    return Plan("t", [QUESTION], method, MethodConfig(paths=paths, settings=settings))


def test_an_axis_is_read_and_put_in_order() -> None:
    assert parse_axis("top-k=4,1,2") == Axis("top_k", (1, 2, 4))
    assert parse_axis("temperature=0.5,1").values == (0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interval", "give one of interval, top_k, temperature, communicate_at, paths with its values"),
        ("colour=1,2", "give one of interval"),
        ("top_k=1,x", "'x' is not a whole number"),
        ("temperature=0,3", "temperature is from 0 to 2, not 3"),
        ("temperature=0,nan", "temperature is from 0 to 2, not nan"),
        ("paths=2,2", "a value stands there twice"),
        ("paths=2", "at least 2 values"),
    ],
)
def test_a_bad_axis_is_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_axis(text)


def test_every_combination_is_a_cell_and_baselines_are_shared() -> None:
    cells = sweep_cells(plan(max_tokens=99, router="all"), [parse_axis("interval=8,16"), parse_axis("temperature=0,1")])
    assert [cell.name for cell in cells] == [
        "independent_temperature=0", "independent_temperature=1",
        "interval=8_temperature=0", "interval=8_temperature=1", "interval=16_temperature=0",
        "interval=16_temperature=1",
    ]  # fmt: skip
    assert cells[0].plan.config.settings == {"max_tokens": 99, "sampling": {"temperature": 0}}
    assert cells[5].plan.config.settings == {
        "max_tokens": 99, "router": "all", "interval": 16, "sampling": {"temperature": 1}
    }  # fmt: skip
    assert [cell.plan.method for cell in cells] == ["independent"] * 2 + ["leap"] * 4


def test_one_baseline_has_the_paths_of_the_widest_cell() -> None:
    cells = sweep_cells(plan(), [parse_axis("paths=2,8")])
    assert [(cell.name, cell.plan.config.paths) for cell in cells] == [
        ("independent_paths=8", 8), ("paths=2", 2), ("paths=8", 8)
    ]  # fmt: skip
    assert [cell.name for cell in sweep_cells(plan("independent"), [parse_axis("paths=2,8")])] == ["paths=2", "paths=8"]
    assert sweep_cells(plan(), [parse_axis("communicate_at=8,16")])[1].plan.config.settings == {"communicate_at": (8,)}


@pytest.mark.parametrize(
    ("settings", "axes", "message"),
    [
        ({}, ["top_k=1,2", "top_k=3,4"], "--over top_k: stands there twice"),
        ({"rounds": 3}, ["communicate_at=8,16"], "leave out rounds"),
        ({}, ["communicate_at=8,16", "interval=8,16"], "leave out interval"),
        ({"interval": 9}, ["interval=8,16"], "--over interval: it is also set by its own option"),
        ({"sampling": {"temperature": 1}}, ["temperature=0,1"], "--over temperature: it is also set"),
    ],
)
def test_axes_that_exclude_each_other_are_refused(settings: dict[str, Any], axes: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep_cells(plan(**settings), [parse_axis(text) for text in axes])


def test_a_sweep_without_blocks_is_refused() -> None:
    engine = ScriptedEngine(lambda prompt, params: "")
    check_blocks(sweep_cells(plan(), [parse_axis("interval=8,16")]), engine)
    with pytest.raises(ValueError, match="rounds=0: a path of 'scripted' has no LeaP blocks"):
        check_blocks(sweep_cells(plan(rounds=0), [parse_axis("interval=8,16")]), engine)


def results(rights: list[int], paths: int = 4, method: str = "leap") -> Results:
    """A file in which question `i` has `rights[i]` right paths, the right ones first."""
    config = {"method": method, "questions": len(rights), "task": "t", "paths": paths, "settings": {}}
    found = {
        (f"q{number}", 0): [
            PathRecord(f"q{number}", 0, method, f"p{n}", paths, "finished",
                       Verdict(n < right, "1" if n < right else "0", "integer"), Tokens(own=10, summary=2))
            for n in range(paths)
        ]
        for number, right in enumerate(rights)
    }  # fmt: skip
    return Results(method, Path(method), config, Header(config).config_hash, found)


def test_the_slope_is_least_squares_over_doublings_with_its_interval_over_questions() -> None:
    # 8, 16, 64: log2 is 3, 4, 6. One question gains 25 points at the second step and 25 more, the other nothing.
    cells: list[tuple[dict[str, float], Results]] = [
        ({"interval": 8}, results([0, 2])), ({"interval": 16}, results([1, 2])), ({"interval": 64}, results([2, 2]))
    ]  # fmt: skip
    points = sweep_points(cells, [({}, results([2, 2], method="independent"))])
    slope = next(s for s in slopes(points, "interval", doubling=True) if s.metric == "pass@1")
    xs, ys = [3 - 13 / 3, 4 - 13 / 3, 6 - 13 / 3], [0, 0.25, 0.5]
    first = sum(x * y for x, y in zip(xs, ys, strict=True)) / sum(x * x for x in xs)
    assert slope.difference.value == pytest.approx(first / 2)
    assert slope.difference.low < 0 < slope.difference.high
    assert "a doubling of interval" in slope_sentence(slope)
    assert slope_sentence(slope).endswith("no slope shown")
    assert math.isclose(points[0].tokens, 12)
    gain = points[0].gain("pass@1")
    assert gain is not None
    assert gain.value == pytest.approx(-0.25)
    rows = sweep_rows(points)
    assert rows[0][:4] == ("independent", "-", "2 x 1 x 4", "50.0 [50.0, 50.0]")
    assert rows[2][:4] == ("leap", "16", "2 x 1 x 4", "37.5 [0.0, 100.0]")


def test_a_cell_is_held_against_as_many_independent_paths_as_it_has() -> None:
    # Of 4 independent paths the right one is the first: 50 % of the first two, 25 % of all.
    wide: tuple[dict[str, float], Results] = ({}, results([1, 1], paths=4, method="independent"))
    points = sweep_points([({"paths": 2}, results([1, 1], 2)), ({"paths": 4}, results([1, 1], 4))], [wide])
    assert [point.baseline and point.baseline.estimate("pass@1").value for point in points] == [0.5, 0.25]
    assert [row[:3] for row in sweep_rows(points)] == [
        ("independent", "2", "2 x 1 x 2"), ("independent", "4", "2 x 1 x 4"), ("leap", "2", "2 x 1 x 2"),
        ("leap", "4", "2 x 1 x 4"),
    ]  # fmt: skip


def test_series_are_the_values_of_the_other_axes() -> None:
    cells = [({"interval": x, "top_k": k}, results([1, 2])) for x in (8.0, 16.0) for k in (1.0, 2.0)]
    points = sweep_points(cells, [])
    assert [(point.series, point.x) for point in points] == [
        ("top_k 1", 8), ("top_k 1", 16), ("top_k 2", 8), ("top_k 2", 16)
    ]  # fmt: skip
    assert len(slopes(points, "interval", doubling=True)) == 4
    assert points[0].gain("pass@1") is None
