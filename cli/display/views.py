"""What a person sees while a run goes on: a plain log here, the live view in `live`."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.text import Text

from peerleap.cli.display.board import DOING, Board
from peerleap.cli.display.plain import clip, plain

_SUMMARY_CHARACTERS = 160
_ANSWER_CHARACTERS = 40
_STOPS = {
    "": "",
    "agreement": "; the paths agree, so the run ends here",
    "novelty": "; nothing was new to anybody, so this was the last block",
}


class View(Protocol):
    """Shows a run while it goes on."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event of the `custom` stream."""
        ...

    def restore(self, run: dict[str, Any]) -> None:
        """Take in a stored run that is about to go on, as `read_run` returns it."""
        ...

    def notice(self, text: str) -> None:
        """Say what goes on outside the paths: a phase of the engine's start, or that the run stops."""
        ...


class QuietView:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None: ...

    def show(self, event: dict[str, Any]) -> None:
        """Show nothing."""

    def restore(self, run: dict[str, Any]) -> None:
        """Show nothing."""

    def notice(self, text: str) -> None:
        """Show nothing."""


class LogView:
    """One line for each thing that happened."""

    def __init__(self, console: Console, question: str = "", *, verbose: bool = False) -> None:
        self._console, self._verbose = console, verbose
        self._board = Board(question)
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None: ...

    def show(self, event: dict[str, Any]) -> None:
        """Print the event, unless it is a piece of text, and the changes of answers that it reveals."""
        changes = self._board.update(event)
        for line in [_line(event, self._verbose), *map(str, changes)]:
            if line:
                self.notice(line)

    def restore(self, run: dict[str, Any]) -> None:
        """Print where the run stands."""
        self._board.restore(run)
        self.notice(f"{_count_paths([*run['histories']])}; {len(run['rounds'])} LeaP blocks are done")

    def notice(self, text: str) -> None:
        """Print a line with its time."""
        seconds = time.monotonic() - self._start
        self._console.print(Text(f"[{seconds:6.1f} s] {plain(text)}"), soft_wrap=True)


def choose_view(messages: Console, question: str, *, quiet: bool, verbose: bool, as_json: bool) -> View:
    """The view that suits the output: lanes in a terminal, a log elsewhere, and nothing with `--quiet`."""
    if verbose:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "INFO")
    if quiet:
        return QuietView()
    if messages.is_terminal and not as_json and not verbose:
        from peerleap.cli.display.live import LiveView

        return LiveView(messages, question)
    return LogView(messages, question, verbose=verbose)


@contextmanager
def watched(view: View, *, verbose: bool = False) -> Iterator[None]:
    """Open the view, and show in it what our packages log: the phases of an engine's start are `INFO`."""
    log, handler = logging.getLogger("peerleap"), _Notices(view)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        with view:
            yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


class _Notices(logging.Handler):
    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.notice(record.getMessage())


def _line(event: dict[str, Any], verbose: bool) -> str:
    match event["type"]:
        case "run":
            return f"{_count_paths(event['paths'])}; starting the engine"
        case "segment" if event["kind"] in {"thought", "answer"}:
            return f"{event['path']} {DOING[event['kind']]}, round {event['round'] + 1}: {event['tokens']} tokens"
        case "segment" if event["kind"] == "error":
            return f"{event['path']} failed: {event['text']}"
        case "tool_start" if verbose:
            return f"{event['path']} calls {event['tool']}: {event['text']}"
        case "tool_end" if verbose:
            return f"{event['path']} gets from {event['tool']} ({event['status']}): {event['text']}"
        case "probe":
            return f"LeaP block {event['round'] + 1}: {event['path']} would answer {_clipped(event['answer'])}"
        case "summary":
            text = plain(event["text"]) if verbose else clip(event["text"], _SUMMARY_CHARACTERS)
            return f"LeaP block {event['round'] + 1}: {event['path']}{_evidence(event)} sums up: {text}"
        case "route":
            routes = "; ".join(
                f"{reader} reads {', '.join(read) or 'no peer'}" for reader, read in event["sources"].items()
            )
            return (
                f"LeaP block {event['round'] + 1}: {routes or 'no path is interrupted'}{_STOPS[event.get('stop', '')]}"
            )
        case "path_end":
            return f"{event['path']} {event['status']}: answer {event['answer']!r}, {event['tokens']} tokens"
        case "vote":
            return f"vote: {event['votes']}"
    return ""


def _clipped(answer: str | None) -> str:
    return "nothing" if answer is None else repr(clip(answer, _ANSWER_CHARACTERS))


def _count_paths(paths: list[str]) -> str:
    return f"{len(paths)} paths: {', '.join(paths[:8])}{', ...' if len(paths) > 8 else ''}"


def _evidence(event: dict[str, Any]) -> str:
    """What the path has checked with tools, as its peers read it beside its name."""
    if not event.get("evidence"):
        return ""
    from peerleap.graph.history import checked

    return f" ({clip(', '.join(checked(event['evidence'])), 300)})"
