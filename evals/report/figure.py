"""A picture that appears whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_figure(figure: Any, target: Path, *, dpi: int = 150, metadata: Mapping[str, str] | None = None) -> None:
    """Write a figure of matplotlib beside its file, then in its place.

    Args:
        figure: of matplotlib.
        target: a `.png` or `.svg` file; one that is a link stays one.
        dpi: pixels an inch.
        metadata: what the file says of itself.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    target = Path(os.path.realpath(target))
    beside = target.with_name(f".new-{target.name}")
    try:
        figure.savefig(beside, dpi=dpi, metadata=metadata)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
