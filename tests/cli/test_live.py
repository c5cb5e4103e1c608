"""The live view, fed by hand; the terminal is a text buffer."""

from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from peerleap.cli.display.live import LiveView
from tests.cli.events import (
    END,
    HOSTILE,
    ROUTE,
    RUN,
    SUMMARY,
    VOTE,
    end,
    route,
    segment,
    steers_a_terminal,
    summary,
    tokens,
)

QUESTION = "What is 2 + 2?"


def terminal(width: int = 120, height: int = 40) -> Console:
    return Console(file=StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def live(*events: dict[str, Any], width: int = 120, height: int = 40) -> LiveView:
    view = LiveView(terminal(width, height), QUESTION)
    for event in events:
        view.show(event)
    return view


def drawn(view: LiveView) -> str:
    with view.console.capture() as capture:
        view.console.print(view.draw())
    return capture.get()


def lines(view: LiveView, word: str) -> list[str]:
    return [line for line in drawn(view).splitlines() if word in line]


def test_the_question_is_on_top_and_there_is_a_lane_for_each_path() -> None:
    picture = drawn(live(RUN))
    assert picture.startswith(QUESTION)
    assert picture.count("waiting for the engine") == 2


@pytest.mark.parametrize(
    ("kind", "state"), [("thought", "thinking"), ("summary", "summarizing"), ("answer", "answering")]
)
def test_lane_says_what_its_path_does(kind: str, state: str) -> None:
    (lane,) = lines(live(RUN, tokens("two and\n two", kind), tokens(" make four", kind)), "solver_1")
    assert state in lane
    assert "two and two make four" in lane


def test_lane_counts_tokens_against_the_budget_while_they_are_written() -> None:
    view = live(RUN, tokens("x" * 2000))
    assert "500/2,000" in drawn(view)
    view.show(segment("thought", 480, "x" * 2000))
    assert "480/2,000" in drawn(view)
    assert "waiting for its peers" in drawn(view)


def test_lane_shows_the_last_words() -> None:
    (lane,) = lines(live(RUN, tokens("early " + "x" * 900 + " late")), "solver_1")
    assert "late" in lane
    assert "early" not in lane


def test_what_the_engine_does_is_shown_until_paths_write() -> None:
    view = LiveView(terminal(), QUESTION)
    view.notice("loading weights; 12 s last time")
    assert "loading weights; 12 s last time" in drawn(view)
    view.show(RUN)
    assert "loading weights" in drawn(view)
    view.show(tokens("two"))
    assert "loading weights" not in drawn(view)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_line_fits(width: int) -> None:
    """Also where an answer, a name and a summary are too long, and Chinese, whose characters take two columns."""
    paths = ["solver_1", "a_reader_of_long_papers_12"]
    text = "因为所以" * 90 + "完"
    every: Any = dict.fromkeys(paths, paths)
    view = live(
        {**RUN, "paths": paths}, tokens(text), summary(text), summary("yes " * 99, paths[1]),
        {**route(solver_1=paths), "sources": every}, end("数" * 99), end("4" * 99, paths[1]),
        {"type": "vote", "answer": "4", "votes": {"数" * 99: 1, "4" * 99: 1}},
        width=width,
    )  # fmt: skip
    picture = drawn(view).splitlines()
    assert all(cell_len(line) <= width for line in picture)
    assert any("solver_1" in line for line in picture)
    assert any("完" in line for line in picture)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_block_shows_who_reads_whom_and_the_first_line_of_each_summary(width: int) -> None:
    view = live(RUN, summary("\nIt is four.\nBecause."), summary("Maybe five.", "solver_2"), ROUTE, width=width)
    assert "LeaP block 1" in drawn(view)
    (row,) = lines(view, "It is four.")
    assert row.startswith("solver_1")
    assert "reads solver_2" in row
    assert "Because" not in row
    (row,) = lines(view, "Maybe five.")
    assert "reads no peer" in row


def test_names_are_shortened_where_a_path_reads_many() -> None:
    paths = [f"solver_{number}" for number in range(1, 6)]
    events = [summary("x", name) for name in paths]
    view = live({**RUN, "paths": paths}, *events, route(solver_1=paths[1:]), width=80)
    assert "reads 2, 3, 4, 5" in drawn(view)
    assert "reads solver_2, solver_3, solver_4, solver_5" not in drawn(view)


def test_a_changed_answer_and_a_spreading_one_are_marked() -> None:
    view = live(
        RUN, summary("\\boxed{5}"), summary("\\boxed{4}", "solver_2"), route(solver_1=["solver_2"], solver_2=[]),
        summary("\\boxed{4}", round_=1), summary("\\boxed{4}", "solver_2", 1), route(1, solver_1=[], solver_2=[]),
    )  # fmt: skip
    picture = drawn(view)
    assert "LeaP block 2 · 4 ×2 (was 1)" in picture
    assert "* solver_1 changed 5 to 4, held by solver_2, after block 1" in picture
    (lane,) = [line for line in picture.splitlines() if line.startswith("solver_1") and "* 4" in line]
    assert "/2,000" in lane


def test_the_end_shows_the_vote_and_who_changed() -> None:
    assert "no path changed its answer" in drawn(live(RUN, SUMMARY, ROUTE, VOTE))
    view = live(RUN, summary("\\boxed{5}"), ROUTE, end("[bold]6"), VOTE)
    picture = drawn(view)
    assert "vote: 4 ×2" in picture
    assert "* solver_1 changed 5 to [bold]6, after block 1" in picture
    assert "no path changed" not in picture


@pytest.mark.parametrize("height", [12, 20, 50])
def test_many_paths_fit_a_small_terminal(height: int) -> None:
    paths = [f"solver_{number}" for number in range(64)]
    events = [summary("x", name) for name in paths]
    view = live({**RUN, "paths": paths}, *events, route(solver_1=["solver_2"]), width=60, height=height)
    picture = drawn(view).splitlines()
    assert len(picture) < height
    assert any("more paths" in line for line in picture)
    assert any("LeaP block 1" in line for line in picture)


def test_a_model_cannot_steer_the_terminal() -> None:
    paths = {**RUN, "paths": ["solver_1"]}
    view = LiveView(terminal(), HOSTILE)
    for event in [
        paths, tokens(HOSTILE), summary(HOSTILE),
        route(solver_1=[HOSTILE]), summary(f"\\boxed{{5{HOSTILE}}}", round_=1),
        end(HOSTILE), {"type": "vote", "answer": HOSTILE, "votes": {HOSTILE: 1}},
    ]:  # fmt: skip
        view.show(event)
    view.notice(HOSTILE)
    picture = drawn(view)
    assert "done" in picture
    assert not steers_a_terminal(picture)


def test_live_view_draws_and_leaves_its_last_picture() -> None:
    console = terminal()
    with LiveView(console) as view:
        for event in [RUN, tokens("two and two"), END]:
            view.show(event)
    file = console.file
    assert isinstance(file, StringIO)
    assert "finished" in file.getvalue()
    assert file.getvalue().count("\x1b[?25h") == 1, "the cursor is shown again"


def test_cursor_comes_back_after_an_interrupt() -> None:
    console = terminal()

    def interrupted() -> None:
        with LiveView(console) as view:
            view.show(RUN)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    file = console.file
    assert isinstance(file, StringIO)
    assert "\x1b[?25h" in file.getvalue()
