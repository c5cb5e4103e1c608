"""What a run holds open is closed when the run ends, however it ends."""

import asyncio

import pytest

from peerleap.tools.scope import RunScope


@pytest.mark.parametrize("turns", range(4))
def test_an_event_loop_that_ends_with_a_cancelled_run_closes_what_it_held(turns: int) -> None:
    closed: list[str] = []

    async def run(inside: asyncio.Event) -> None:
        async with RunScope() as scope:
            scope.keep("k", "thing", closed.append)
            inside.set()
            await asyncio.sleep(60)

    async def main() -> None:
        inside = asyncio.Event()
        task = asyncio.create_task(run(inside))
        await inside.wait()
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert closed == ["thing"]
