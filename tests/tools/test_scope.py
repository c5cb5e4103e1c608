"""What a run holds open is closed when the run ends, however it ends."""

from typing import Any

import pytest

from peerleap.tools.scope import RunScope


@pytest.mark.parametrize("turns", range(4))
def test_an_event_loop_that_ends_with_a_cancelled_run_closes_what_it_held(
    turns: int, cancelled_at_loops_end: Any
) -> None:
    closed: list[str] = []
    scope = RunScope()
    scope.add("k", "thing", closed.append)
    cancelled_at_loops_end(scope, turns)
    assert closed == ["thing"]
