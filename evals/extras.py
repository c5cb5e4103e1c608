"""Optional packages: imported where they are needed, with the command that installs a missing one."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


class MissingExtra(ImportError):
    """An optional package is not installed; the message is the command that installs it."""

    def __init__(self, package: str, extra: str = "evals") -> None:
        self.package = package
        self.command = f"pip install 'peerleap[{extra}]'"
        super().__init__(f"{package!r} is not installed: {self.command}")


def installed(module: str) -> bool:
    """True if `module` can be imported; it is not imported."""
    return find_spec(module) is not None


def need(module: str, package: str | None = None, extra: str = "evals") -> Any:
    """Import an optional module, or raise `MissingExtra` with the command that installs it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == module.partition(".")[0]:
            raise MissingExtra(package or module, extra) from None
        raise
