"""What an answer is made of: values, and groups of values with or without an order."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Shape = Literal["list", "set", "tuple", "closed", "half-open", "named", "matrix", "union"]
ORDERED: frozenset[Shape] = frozenset({"tuple", "closed", "half-open", "named", "matrix"})
"""Groups of which the first value is another than the second."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: a number, an expression, an equation, a relation, or words."""

    tex: str
    """Without its name and its unit."""
    number: Fraction | None = None
    """Its exact value, where it is arithmetic on literal numbers."""
    unit: str = ""
    name: str = ""
    """What it is said to be: `x`, `m+n`, `f(x)`; squeezed."""
    sides: tuple[str, ...] = ()
    """All sides of a chain of equalities that are no name; empty where there is only one."""
    rough: tuple[str, ...] = ()
    r"""What stands behind `\approx`."""
    words: bool = False
    """Words that no algebra can compare: a name, a sentence, a number with a word that changes it."""
    relation: bool = False
    """An inequality, or a set given by one."""
    whole: str = ""
    """The equation with its name."""


@dataclass(frozen=True, slots=True)
class Group:
    """Several values: a list or set without an order, or a point, interval or matrix with one."""

    shape: Shape
    items: "tuple[Node, ...]"
    brackets: str = ""
    names: tuple[str, ...] = ()
    name: str = ""


Node = Value | Group


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was read."""

    node: Node
    text: str
    """The cleaned TeX of all of it."""
    modulus: str = ""
    condition: str = ""
    based: tuple[str, int] | None = None
