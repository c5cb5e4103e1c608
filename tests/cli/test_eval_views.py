"""What a person sees while an eval runs."""

from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from peerleap.cli.display.eval_views import progress_view

ENDED = SimpleNamespace(done=1, total=3, question="q", run=0, correct=3, paths=4, error=None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("peerleap.cli.display.eval_views.time.monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_twice_a_minute_while_no_question_ends(clock: list[float]) -> None:
    out = StringIO()
    with progress_view(Console(file=out, width=200), 3, 0) as (ended, wrote):
        for _ in range(100):
            clock[0] += 1
            wrote(50)
        ended(ENDED)
        clock[0] += 29
        wrote(50)
    lines = out.getvalue().splitlines()
    assert lines == [
        "[0/3] 1,500 tokens, 50 tokens/s",
        "[0/3] 3,000 tokens, 50 tokens/s",
        "[0/3] 4,500 tokens, 50 tokens/s",
        "[1/3] q run 0: 3/4 right; Pass@1 so far 75.0%, 5,000 tokens, 50 tokens/s",
    ]


def test_the_bar_tells_tokens_before_the_first_question_ends(clock: list[float]) -> None:
    out = StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    with progress_view(console, 3, 0) as (_, wrote):
        clock[0] += 2
        wrote(700)
    assert "starting the engine" in out.getvalue()
    assert "700 tokens, 350 tokens/s" in out.getvalue()
