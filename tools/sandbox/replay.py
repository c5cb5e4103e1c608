"""Cells run again, to get variables back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from peerleap.tools.sandbox.result import CellResult, ReplayResult


async def replay(
    run: Callable[[str, float], Awaitable[CellResult]],
    cells: Sequence[str],
    *,
    timeout_s: float,
    max_cells: int,
    max_s: float,
) -> ReplayResult:
    """Give the cells to `run`, in order, until one fails or a bound is met.

    Args:
        run: runs one cell within so many seconds.
        cells: their code.
        timeout_s: seconds of one cell.
        max_cells: most cells to run.
        max_s: seconds of all of them.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max_s
    for done, code in enumerate(cells):
        left = deadline - loop.time()
        if done >= max_cells or left <= 0:
            return ReplayResult(done, len(cells), f"the bound of {max_cells} cells and {max_s:g} s was met")
        result = await run(code, min(left, timeout_s))
        if result.error is not None:
            return ReplayResult(done, len(cells), f"cell {done + 1} failed: {result.error.text()}")
    return ReplayResult(len(cells), len(cells), "")
