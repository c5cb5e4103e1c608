"""The methods by name, their options, and what each can do."""

from collections.abc import Mapping
from typing import Any

from peerleap.evals.methods.base import Method
from peerleap.evals.methods.deepconf import deepconf
from peerleap.evals.methods.independent import independent
from peerleap.evals.methods.leap import leap
from peerleap.evals.methods.moa import moa
from peerleap.evals.methods.revise import revise
from peerleap.evals.methods.rsa import rsa

METHODS: dict[str, Method] = {"independent": independent, "leap": leap, "moa": moa, "deepconf": deepconf, "rsa": rsa,
                              "revise": revise}  # fmt: skip

# `excerpt`: maximum number of tokens of each answer that an aggregating path is shown.
OPTIONS: dict[str, dict[str, int]] = {
    "independent": {},
    "leap": {},
    "moa": {"layers": 4, "agents": 3, "excerpt": 1024},
    "deepconf": {},
    "rsa": {"steps": 4, "subset": 4, "excerpt": 1024},
    "revise": {"steps": 2, "excerpt": 1024},
}

GROWING = frozenset({"independent", "deepconf"})
"""Methods whose paths can be cut off or added to one by one, and so be held to any budget."""

BUDGETED = frozenset({"revise", *GROWING})
"""Methods that go on until a budget is spent."""

TEAMED = frozenset({"leap", *GROWING})
"""Methods whose paths may differ and call tools."""


def method_options(method: str, values: Mapping[str, Any]) -> dict[str, int]:
    """Complete a method's options with their defaults.

    Args:
        method: A name in `METHODS`.
        values: The options that were set.

    Returns:
        Every option of the method.

    Raises:
        ValueError: No such method or option, or not a number of at least 1.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not one of {', '.join(METHODS)}")
    options = dict(OPTIONS[method])
    for name, value in values.items():
        if name not in options:
            raise ValueError(f"option {name!r}: {method!r} has {', '.join(options) or 'no options'}")
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
            raise ValueError(f"option {name}={value!r}: give a whole number of at least 1")
        options[name] = value
    return options


def voting_paths(method: str, paths: int, options: Mapping[str, int]) -> int:
    """How many paths of one question vote, if no budget adds to them; as many run at once."""
    return options["agents"] if method == "moa" else paths
