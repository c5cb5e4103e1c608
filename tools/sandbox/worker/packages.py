"""What a session can import besides the standard library, and what is imported before it starts."""

import gc
import importlib
import importlib.util
import random
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

# Generators that fork would copy in one state into every session; numpy loads its own lazily.
_RANDOM = ("numpy.random", "sympy.core.random")


class AllowedPackages:
    """A meta path finder for named packages: site-packages itself is never on the path."""

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = dict(folders)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a top-level package; submodules are found through the package's own path."""
        folder = self._folders.get(name) if path is None else None
        if folder is None:
            return None
        return importlib.util.spec_from_file_location(
            name, str(Path(folder) / "__init__.py"), submodule_search_locations=[folder]
        )


def preload(folders: Mapping[str, str], names: Sequence[str]) -> None:
    """Make the packages importable, import `names`, and fill the caches that a first call would fill."""
    finder: Any = AllowedPackages(folders)
    sys.meta_path.append(finder)
    for name in (*names, *(name for name in _RANDOM if name.partition(".")[0] in names)):
        importlib.import_module(name)
    if "sympy" in names:
        _warm_sympy()
    # What exists now is shared by every session: the collector must not touch its pages.
    gc.collect()
    gc.freeze()


def seed(number: int) -> None:
    """Seed every random generator that a cell is likely to use."""
    random.seed(number)
    for name in _RANDOM:
        if name in sys.modules:
            sys.modules[name].seed(number)


def _warm_sympy() -> None:
    sympy: Any = importlib.import_module("sympy")
    x = sympy.Symbol("x")
    sympy.integrate(x**2 * sympy.exp(x), x)
    sympy.solve(x**3 - 2 * x + 1, x)
    sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2)
    sympy.factorint(2**32 + 1)
