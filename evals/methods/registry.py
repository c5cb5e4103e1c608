"""The methods by name, their options, and what each can do."""

from collections.abc import Mapping
from typing import Any

from peerleap.evals.methods.base import Method, MethodConfig
from peerleap.evals.methods.confidence import MEASURES
from peerleap.evals.methods.deepconf import deepconf
from peerleap.evals.methods.independent import independent
from peerleap.evals.methods.leap import leap
from peerleap.evals.methods.leap_s import leap_s, one_block
from peerleap.evals.methods.moa import moa
from peerleap.evals.methods.probe import probe
from peerleap.evals.methods.revise import revise
from peerleap.evals.methods.rsa import rsa

METHODS: dict[str, Method] = {"independent": independent, "leap": leap, "leap_s": leap_s, "moa": moa,
                              "deepconf": deepconf, "probe": probe, "rsa": rsa, "revise": revise}  # fmt: skip

# `excerpt`: maximum number of tokens that others are shown of a thought that came to no answer.
OPTIONS: dict[str, dict[str, int | str]] = {
    "independent": {},
    "leap": {},
    # Table 3 of the paper.
    "leap_s": {"peers": 4},
    # Appendix F of the paper.
    "moa": {"layers": 4, "agents": 3, "excerpt": 1024},
    # `keep`: percent of the paths that vote. The rest of the line is for `online=1`.
    "deepconf": {"keep": 90, "window": 2048, "confidence": "bottom", "online": 0, "warmup": 16, "consensus": 95},
    # Unchanged three times, the default of its released code.
    "probe": {"stable": 4},
    "rsa": {"steps": 10, "subset": 4, "excerpt": 1024},
    "revise": {"steps": 2, "excerpt": 1024},
}
_RANGES = {"keep": (1, 100), "consensus": (1, 100), "online": (0, 1), "peers": (2, 64), "stable": (2, 1_000_000)}
_WORDS = {"confidence": MEASURES}

PATHS = {"rsa": 16}
"""N of the methods that need more than 4 paths, where it is not set."""

GROWING = frozenset({"independent", "deepconf"})
"""Methods whose paths can be cut off or added to one by one, and so be held to any budget."""

BUDGETED = frozenset({"revise", *GROWING})
"""Methods that go on until a budget is spent."""

TEAMED = frozenset({"leap", "probe", *GROWING})
"""Methods whose paths may differ and call tools."""


def method_options(method: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a method's options with their defaults.

    Args:
        method: A name in `METHODS`.
        values: The options that were set.

    Returns:
        Every option of the method.

    Raises:
        ValueError: No such method or option, or a value out of its range.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
    options: dict[str, Any] = dict(OPTIONS[method])
    for name, value in values.items():
        if name not in options:
            raise ValueError(f"option {name!r}: {method!r} has {', '.join(options) or 'no options'}")
        if name in _WORDS:
            if value not in _WORDS[name]:
                raise ValueError(f"option {name}={value!r} is not one of {', '.join(_WORDS[name])}")
        else:
            least, most = _RANGES.get(name, (1, 1_000_000))
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                limit = f"from {least} to {most}" if name in _RANGES else "of at least 1"
                raise ValueError(f"option {name}={value!r}: give a whole number {limit}")
        options[name] = value
    return options


def check_method(method: str, config: MethodConfig, *, budgeted: bool) -> None:
    """Refuse a configuration that a method cannot run.

    Args:
        method: A name in `METHODS`.
        config: What it would run with, its options complete.
        budgeted: Whether its questions have a budget.

    Raises:
        ValueError: Says what to change.
    """
    options = config.options
    if method == "rsa" and options["subset"] >= config.paths:
        raise ValueError(
            f"rsa: subset={options['subset']} with {config.paths} paths: every path would read the same ones; "
            "its paper has 16 paths and subset 4"
        )
    talk = config.settings.get("talk")
    if talk is not None and method != "leap":
        raise ValueError(f"talk={talk!r}: only the paths of leap choose when to talk; leave it out with {method!r}")
    if method == "probe" and (config.settings.get("rounds") == 0 or config.paths < 2):
        raise ValueError("probe: give two paths or more, and no --rounds 0: it compares their answers")
    if method == "leap_s":
        one_block(config.settings)
    if method == "deepconf" and options["online"]:
        if budgeted or config.team is not None:
            raise ValueError("deepconf: online=1 decides itself how many paths run; it takes no budget and no team")
        if options["warmup"] >= config.paths:
            raise ValueError(
                f"deepconf: online=1 with {config.paths} paths, of which warmup={options['warmup']} run to their end: "
                "give more paths"
            )


def voting_paths(method: str, paths: int) -> int:
    """How many paths of one question vote, if no budget adds to them."""
    return 1 if method == "moa" else paths


def paths_at_once(method: str, paths: int, options: Mapping[str, Any]) -> int:
    """How many paths of one question run at once."""
    return int({"moa": options.get("agents", 1), "leap_s": paths * options.get("peers", 1)}.get(method, paths))
