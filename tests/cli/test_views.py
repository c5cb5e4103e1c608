"""The live view and the log, fed by hand; the terminal is a text buffer."""

from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from peerleap.cli.views import LiveView, LogView, View

RUN: dict[str, Any] = {"type": "run", "paths": ["solver_1", "solver_2"], "settings": {}}


def tokens(text: str, kind: str = "thought", path: str = "solver_1") -> dict[str, Any]:
    return {"type": "tokens", "path": path, "round": 0, "kind": kind, "text": text}


def segment(kind: str, count: int, text: str = "") -> dict[str, Any]:
    return {"type": "segment", "path": "solver_1", "round": 0, "kind": kind, "text": text, "tokens": count}


SUMMARY = {"type": "summary", "path": "solver_1", "round": 0, "text": "It is\n\nfour.", "tokens": 5}
EVIDENCE = [{"tool": "python", "calls": 1, "digest": "0", "output": "x = 4"}]
ROUTE = {"type": "route", "round": 0, "sources": {"solver_1": ["solver_2"], "solver_2": []}}
END = {"type": "path_end", "path": "solver_1", "status": "finished", "answer": "[bold]4", "tokens": 30}
VOTE = {"type": "vote", "answer": "4", "votes": {"4": 2}}


def terminal(width: int = 120, height: int = 40) -> Console:
    return Console(file=StringIO(), force_terminal=True, width=width, height=height, color_system=None)


def drawn(view: LiveView, console: Console) -> str:
    with console.capture() as capture:
        console.print(view._draw())
    return capture.get()


def show(view: View, *events: dict[str, Any]) -> None:
    for event in events:
        view.show(event)


def test_a_lane_for_each_path() -> None:
    console = terminal()
    view = LiveView(console)
    show(view, RUN)
    picture = drawn(view, console)
    assert "solver_1" in picture
    assert "solver_2" in picture
    assert picture.count("waiting for the engine") == 2


@pytest.mark.parametrize(
    ("kind", "state"), [("thought", "thinking"), ("summary", "summarizing"), ("answer", "answering")]
)
def test_lane_says_what_its_path_does(kind: str, state: str) -> None:
    console = terminal()
    view = LiveView(console)
    show(view, RUN, tokens("two and\n two", kind), tokens(" make four", kind))
    (lane,) = [line for line in drawn(view, console).splitlines() if "solver_1" in line]
    assert state in lane
    assert "two and two make four" in lane


def test_lane_counts_tokens_and_keeps_the_last_words() -> None:
    console = terminal()
    view = LiveView(console)
    show(view, RUN, tokens("early " + "x" * 900 + " late"), segment("thought", 24), segment("answer", 7))
    (lane,) = [line for line in drawn(view, console).splitlines() if "solver_1" in line]
    assert "31" in lane
    assert "late" in lane
    assert "early" not in lane
    assert "waiting for its peers" in lane


def test_lane_counts_what_its_path_has_generated() -> None:
    console = terminal()
    view = LiveView(console)
    usage = {"type": "usage", "path": "solver_1", "round": 0, "usage": {"generated": 57}}
    show(view, RUN, segment("thought", 24), segment("nudge", 300))
    assert view.lanes["solver_1"].tokens == 24
    show(view, usage, {"type": "usage", "usage": {"generated": 99}})
    (lane,) = [line for line in drawn(view, console).splitlines() if "solver_1" in line]
    assert "57" in lane


def test_chinese_takes_two_columns() -> None:
    console = terminal(width=80)
    view = LiveView(console)
    show(view, RUN, tokens("因为所以" * 90 + "完"), SUMMARY | {"text": "数学" * 90})
    lines = drawn(view, console).splitlines()
    assert len(lines) == 5, "a lane and a block's line take one line each"
    assert all(cell_len(line) <= 80 for line in lines)
    assert "完" in lines[1]
    assert lines[3].startswith("LeaP block 1: solver_1 sums up: 数学数学")
    assert lines[3].rstrip().endswith("…")


def test_narrow_terminal_shows_whose_lane_it_is() -> None:
    console = terminal(width=40)
    view = LiveView(console)
    show(view, RUN, tokens("two and two make four"))
    picture = drawn(view, console)
    assert "solver_1" in picture
    assert "solver_2" in picture


def test_blocks_and_ends_are_shown_as_they_are_written() -> None:
    console = terminal()
    view = LiveView(console)
    show(view, RUN, SUMMARY, ROUTE, END, VOTE)
    picture = drawn(view, console)
    assert "LeaP block 1: solver_1 sums up: It is four." in picture
    assert "solver_1 reads solver_2; solver_2 reads nobody" in picture
    assert "finished: [bold]4" in picture
    assert "vote: {'4': 2}" in picture


def test_a_summary_is_shown_with_what_its_path_has_checked() -> None:
    console = terminal()
    live, log = LiveView(console), LogView(console)
    show(live, RUN, SUMMARY | {"evidence": EVIDENCE})
    assert "LeaP block 1: solver_1 (ran code: x = 4) sums up: It is four." in drawn(live, console)
    show(log, SUMMARY | {"evidence": [EVIDENCE[0] | {"output": "\x1b[2J4"}, {"tool": "lookup"}]})
    file = console.file
    assert isinstance(file, StringIO)
    assert "solver_1 (ran code: [2J4, used lookup) sums up" in file.getvalue()


def test_many_paths_fit_a_small_terminal() -> None:
    console = terminal(width=60, height=20)
    view = LiveView(console)
    show(view, {**RUN, "paths": [f"solver_{n}" for n in range(64)]}, *[SUMMARY | {"path": "solver_3"}] * 50)
    lines = drawn(view, console).splitlines()
    assert "... and 51 more paths" in "".join(lines)
    assert "sums up" in lines[-2]
    assert len(lines) < 20
    assert all(len(line) <= 60 for line in lines)


def test_a_model_cannot_steer_the_terminal() -> None:
    console = terminal()
    live, log = LiveView(console), LogView(console)
    evil = "\x1b[2J\x1b]0;title\x07 done"
    show(live, RUN, tokens(evil), SUMMARY | {"text": evil})
    assert "\x1b" not in drawn(live, console)
    show(log, SUMMARY | {"text": evil})
    file = console.file
    assert isinstance(file, StringIO)
    assert "\x1b" not in file.getvalue()


def test_live_view_draws_and_leaves_its_last_picture() -> None:
    console = terminal()
    with LiveView(console) as view:
        show(view, RUN, tokens("two and two"), END)
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


def test_log_is_a_line_for_each_thing_that_happened() -> None:
    console = Console(file=StringIO(), width=40)
    events = [RUN, tokens("quiet"), segment("thought", 24), segment("nudge", 3), segment("error", 0, "no memory")]
    with LogView(console) as view:
        show(view, *events, SUMMARY, ROUTE, END, VOTE)
    file = console.file
    assert isinstance(file, StringIO)
    lines = [line.partition("s] ")[2] for line in file.getvalue().splitlines()]
    assert lines == [
        "2 paths: solver_1, solver_2; starting the engine",
        "solver_1 thinking, round 0: 24 tokens",
        "solver_1 failed: no memory",
        "LeaP block 1: solver_1 sums up: It is four.",
        "LeaP block 1: solver_1 reads solver_2; solver_2 reads nobody",
        "solver_1 finished: answer '[bold]4', 30 tokens",
        "vote: {'4': 2}",
    ]
