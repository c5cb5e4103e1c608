"""A sweep: one method at several values of a setting, as evals that share questions, seeds and a baseline.

All cells have the same seeds, so their paths begin alike and differ from where the setting makes a difference: what is
compared is paired twice, by question and by random numbers. Independent paths are nested (the first N of 2N are the N),
so one baseline with the largest N serves every value of `paths`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from peerleap.engine import Engine
from peerleap.evals.plan import Plan
from peerleap.graph import resolve_settings

BASELINE = "independent"
_LEAP_METHODS = frozenset({"leap", "leap_s"})
# A lone path has none of these: cells that differ in them only share their baseline.
_LEAP_ONLY = frozenset({"interval", "top_k", "rounds", "communicate_at", "router", "alumni", "summary_tokens", "grace"})


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and the values that it takes, in increasing order."""

    name: str
    values: tuple[float, ...]

    @property
    def doubling(self) -> bool:
        """Whether its slope is per doubling; else per 0.1."""
        return self.name != "temperature"


# Least and largest value; whole numbers but for the temperature.
AXES: dict[str, tuple[float, float]] = {
    "interval": (1, 2**31 - 1),
    "top_k": (1, 1024),
    "temperature": (0, 2),
    "communicate_at": (1, 2**31 - 1),
    "paths": (1, 1024),
}


def parse_axis(text: str) -> Axis:
    """Read an axis such as `interval=64,128,256`.

    Raises:
        ValueError: no such axis, fewer than two values, one twice, or one out of its range.
    """
    name, sign, listed = text.partition("=")
    name = name.strip().replace("-", "_")
    if not sign or name not in AXES:
        raise ValueError(f"--over {text!r}: give one of {', '.join(AXES)} with its values, such as interval=64,128,256")
    least, most = AXES[name]
    values = []
    for part in listed.split(","):
        try:
            value: float = float(part) if name == "temperature" else int(part)
        except ValueError:
            kind = "a number" if name == "temperature" else "a whole number"
            raise ValueError(f"--over {text!r}: {part.strip()!r} is not {kind}") from None
        if not least <= value <= most:
            raise ValueError(f"--over {text!r}: {name} is from {least:g} to {most:g}, not {part.strip()}")
        values.append(value)
    if len(set(values)) < len(values):
        raise ValueError(f"--over {text!r}: a value stands there twice")
    if len(values) < 2:
        raise ValueError(f"--over {text!r}: a curve needs at least 2 values")
    return Axis(name, tuple(sorted(values)))


@dataclass(frozen=True, slots=True)
class Cell:
    """One eval of a sweep."""

    name: str
    """Name of its results file, without the ending."""
    plan: Plan
    values: Mapping[str, float]
    """Its value on each axis; on those that matter to it alone, for a baseline."""

    @property
    def baseline(self) -> bool:
        """Whether it is independent paths that the others are held against."""
        return self.name.startswith(BASELINE)


def sweep_cells(base: Plan, axes: Sequence[Axis], *, baseline: bool = True) -> list[Cell]:
    """The evals of a sweep, the baselines first.

    Args:
        base: The eval that all of them share.
        axes: Every combination of their values is a cell.
        baseline: Whether independent paths are run, too; none are where `base` is of another method than LeaP.

    Returns:
        The cells; a setting that a value cannot have is refused here, before anything runs.

    Raises:
        ValueError: an axis stands there twice, or is also set in `base`, or excludes another.
    """
    names = [axis.name for axis in axes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"--over {twice[0]}: stands there twice; give all its values at once")
    if "communicate_at" in names and (clash := {"interval", "rounds"} & {*names, *base.config.settings}):
        raise ValueError(f"--over communicate_at: leave out {min(clash)}: blocks have fixed places or an interval")
    if base.config.team is not None and "paths" in names:
        raise ValueError("--over paths: a team says itself how many paths there are")
    for name in names:
        sampling = base.config.settings.get("sampling") or {}
        if name in base.config.settings or (name == "temperature" and name in sampling):
            raise ValueError(f"--over {name}: it is also set by its own option; leave that out")
    grid = [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in axes))]
    cells = [Cell(_file(values), _with(base, values), values) for values in grid]
    if not baseline or base.method not in _LEAP_METHODS:
        return cells
    temperatures = next((axis.values for axis in axes if axis.name == "temperature"), None)
    lone = _lone(base, max((values.get("paths", base.config.paths) for values in grid), default=base.config.paths))
    shared: list[dict[str, float]] = [{}] if temperatures is None else [{"temperature": t} for t in temperatures]
    widest = {"paths": float(lone.config.paths)} if "paths" in names else {}
    return [*(Cell(_file({**values, **widest}, BASELINE), _with(lone, values), values) for values in shared), *cells]


def check_blocks(cells: Sequence[Cell], engine: Engine) -> None:
    """Refuse a sweep in which no path would ever meet a LeaP block; nothing is started.

    Raises:
        ValueError: the model's own settings turn blocks off.
    """
    for cell in cells:
        if cell.plan.method == "leap" and resolve_settings(cell.plan.config.settings, engine).rounds == 0:
            raise ValueError(
                f"rounds=0: a path of {engine.model!r} has no LeaP blocks by default, so the curve would be flat; "
                "give --rounds 3, say"
            )


def _with(base: Plan, values: Mapping[str, float]) -> Plan:
    settings: dict[str, Any] = dict(base.config.settings)
    paths = base.config.paths
    for name, value in values.items():
        if name == "paths":
            paths = int(value)
        elif name == "temperature":
            settings["sampling"] = {**(settings.get("sampling") or {}), name: value}
        elif name == "communicate_at":
            settings[name] = (int(value),)
        else:
            settings[name] = int(value)
    return replace(base, config=replace(base.config, settings=settings, paths=paths))


def _lone(base: Plan, paths: float) -> Plan:
    settings = {name: value for name, value in base.config.settings.items() if name not in _LEAP_ONLY}
    return replace(base, method=BASELINE, config=replace(base.config, settings=settings, options={}, paths=int(paths)))


def _file(values: Mapping[str, float], *begin: str) -> str:
    return "_".join([*begin, *(f"{name}={value:.10g}" for name, value in values.items())])
