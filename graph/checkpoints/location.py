"""Where runs are stored: the environment's answer, and the checkpointer for it."""

import os
import warnings
from pathlib import Path

from platformdirs import user_data_path

from peerleap.graph.checkpoints.base import Checkpointer
from peerleap.graph.checkpoints.serializer import serializer
from peerleap.graph.errors import CheckpointError

_FILE = "runs.sqlite"


def runs_location() -> str:
    """The place for runs unless a caller names one.

    Returns:
        `PEERLEAP_RUNS` (a file, a folder or a `postgresql://` address), else a file in the user's data folder.
    """
    return os.environ.get("PEERLEAP_RUNS") or str(user_data_path("peerleap") / _FILE)


def open_checkpointer(where: str | Path | None = None) -> Checkpointer:
    """Open, or create, the place where runs are stored; pass it to `compile(checkpointer=...)`.

    With `LANGGRAPH_AES_KEY` set (16, 24 or 32 bytes), what paths and people wrote is encrypted at rest; thread ids,
    the model's name and times are not.

    Args:
        where: an SQLite file, a folder (for `runs.sqlite` in it), or a `postgresql://` address; `runs_location()`
            by default.

    Returns:
        A checkpointer, which is also a context manager that closes it.

    Raises:
        CheckpointError: it cannot be opened, a package for it is missing, or the key has the wrong length.
    """
    place = str(where or runs_location())
    serde = serializer()
    if place.startswith(("postgresql://", "postgres://")):
        from peerleap.graph.checkpoints.postgres import PostgresCheckpointer

        return PostgresCheckpointer.open(place, serde)
    if "://" in place:  # `sqlite:///runs` would become a folder of that name, wherever the command is started
        scheme = place.partition("://")[0]
        raise CheckpointError(
            f"runs cannot be stored in {scheme}://... (PEERLEAP_RUNS): give an SQLite file, a folder or postgresql://..."
        )
    from peerleap.graph.checkpoints.sqlite import SqliteCheckpointer

    return SqliteCheckpointer.open(_file(place), serde)


def open_store(where: str | Path | None = None) -> Checkpointer:
    """The former name of `open_checkpointer`.

    Args:
        where: as for `open_checkpointer`.

    Returns:
        As `open_checkpointer`.

    Raises:
        CheckpointError: as `open_checkpointer`.
    """
    message = "open_store is now called open_checkpointer; the next minor version drops the former name"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return open_checkpointer(where)


def _file(place: str) -> Path:
    try:
        path = Path(place).expanduser()
    except RuntimeError as error:  # ~nosuchuser
        raise CheckpointError(f"runs cannot be stored in {place!r} (PEERLEAP_RUNS): {error}") from error
    return path / _FILE if place.endswith(("/", os.sep)) or path.is_dir() else path
