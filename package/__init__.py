"""LeaP: reasoning paths of a local model that learn from each other.

The repository's folders are the packages below this one: `peerleap.graph`, `peerleap.agents`, and so on. None is
imported here, so `import peerleap` costs nothing.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "lazy_face"]


def lazy_face(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose parts are imported when they are first used.

    Args:
        package: Name of the package.
        homes: For every name that it exports this way, the module or folder of the package that defines it.

    Returns:
        A function that imports a name, and keeps it in the package; it raises `AttributeError` for other names.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
