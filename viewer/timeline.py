"""When each segment of a run began: rounds begin for all paths at once, and a block waits for the slowest."""

from collections.abc import Mapping, Sequence
from typing import Any


def starts(paths: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """The seconds from the start of the run to the start of each segment, path by path.

    Args:
        paths: as in a document's run; a segment without `seconds` takes none.
    """
    found = [[0.0] * len(path["segments"]) for path in paths]
    last = max((segment["round"] for path in paths for segment in path["segments"]), default=-1)
    now = 0.0
    for part in ((number, block) for number in range(last + 1) for block in (False, True)):
        end = now
        for p, path in enumerate(paths):
            at = now
            for n, segment in enumerate(path["segments"]):
                if (segment["round"], segment["block"]) == part:
                    found[p][n] = at
                    at += segment["seconds"] or 0.0
            end = max(end, at)
        now = end
    return found
