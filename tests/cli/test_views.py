"""The log, and which view there is."""

import logging
from io import StringIO

import pytest
from rich.console import Console

from peerleap.cli.display.live import LiveView
from peerleap.cli.display.views import LogView, QuietView, choose_view, watched
from tests.cli.events import (
    END,
    EVIDENCE,
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


def logged(console: Console) -> list[str]:
    file = console.file
    assert isinstance(file, StringIO)
    return [line.partition("s] ")[2] for line in file.getvalue().splitlines()]


def test_log_is_a_line_for_each_thing_that_happened() -> None:
    console = Console(file=StringIO(), width=40)
    events = [RUN, tokens("quiet"), segment("thought", 24), segment("nudge", 3), segment("error", 0, "no memory")]
    with LogView(console) as view:
        for event in [*events, SUMMARY, ROUTE, END, VOTE]:
            view.show(event)
    assert logged(console) == [
        "2 paths: solver_1, solver_2; starting the engine",
        "solver_1 thinking, round 1: 24 tokens",
        "solver_1 failed: no memory",
        "LeaP block 1: solver_1 sums up: It is four.",
        "LeaP block 1: solver_1 reads solver_2; solver_2 reads no peer",
        "solver_1 finished: answer '[bold]4', 30 tokens",
        "vote: {'4': 2}",
    ]


def test_log_says_who_changed_its_answer() -> None:
    console = Console(file=StringIO(), width=40)
    view = LogView(console, "2 + 2?")
    for event in [RUN, summary("\\boxed{5}"), ROUTE, end("4")]:
        view.show(event)
    assert logged(console)[-1] == "solver_1 changed 5 to 4, after block 1"


def test_a_summary_is_shown_with_what_its_path_has_checked() -> None:
    console = Console(file=StringIO())
    LogView(console).show(SUMMARY | {"evidence": [EVIDENCE[0] | {"output": "\x1b[2J4"}, {"tool": "lookup"}]})
    assert "solver_1 (ran code: [2J4, used lookup) sums up" in logged(console)[0]


def test_verbose_log_has_whole_summaries_and_tool_calls() -> None:
    call = {"type": "tool_start", "path": "solver_1", "round": 0, "tool": "python", "text": "print(4)"}
    result = call | {"type": "tool_end", "text": "4", "status": "ok", "seconds": 0.1}
    for verbose in (False, True):
        console = Console(file=StringIO())
        view = LogView(console, verbose=verbose)
        for event in [RUN, summary("word " * 200 + "end"), call, result]:
            view.show(event)
        text = "\n".join(logged(console))
        assert ("end" in text) == verbose
        assert ("solver_1 calls python: print(4)" in text) == verbose
        assert ("solver_1 gets from python (ok): 4" in text) == verbose


def test_a_model_cannot_steer_the_terminal() -> None:
    console = Console(file=StringIO())
    view = LogView(console, verbose=True)
    call = {"type": "tool_start", "path": "solver_1", "round": 0, "tool": HOSTILE, "text": HOSTILE}
    for event in [
        RUN, summary(HOSTILE), summary(f"\\boxed{{5{HOSTILE}}}"),
        route(solver_1=[HOSTILE]), segment("error", 0, HOSTILE),
        call, call | {"type": "tool_end", "status": HOSTILE}, end(HOSTILE), {**VOTE, "votes": {HOSTILE: 1}},
    ]:  # fmt: skip
        view.show(event)
    view.notice(HOSTILE)
    text = "\n".join(logged(console))
    assert text.count("done") >= 8
    assert not steers_a_terminal(text)


@pytest.mark.parametrize(
    ("flags", "terminal", "view"),
    [("", True, LiveView), ("", False, LogView), ("json", True, LogView), ("v", True, LogView), ("q", True, QuietView)],
)
def test_which_view_there_is(flags: str, terminal: bool, view: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "ERROR")
    console = Console(file=StringIO(), force_terminal=terminal)
    chosen = choose_view(console, "?", quiet=flags == "q", verbose=flags == "v", as_json=flags == "json")
    assert type(chosen) is view


def test_what_our_packages_log_is_shown_while_a_run_goes_on() -> None:
    console = Console(file=StringIO())
    log = logging.getLogger("peerleap.engine")
    with watched(LogView(console)):
        log.info("loading weights; %d s last time", 12)
        log.debug("details")
    log.info("over")
    assert logged(console) == ["loading weights; 12 s last time"]
