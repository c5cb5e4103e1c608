"""What a person sees while a run goes on: a lane for each path in a terminal, a plain log elsewhere."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from peerleap.cli.text import clip, tail

_MAX_LANES = 24
# The table's head, how many more paths there are, three of the LeaP blocks' lines, the time, and the cursor's line.
_OTHER_LINES = 7


class View(Protocol):
    """Shows the events of a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event of the `custom` stream."""
        ...


class LogView:
    """One line for each thing that happened."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, event: dict[str, Any]) -> None:
        """Print the event, unless it is a piece of text."""
        line = _line(event)
        if line:
            seconds = time.monotonic() - self._start
            self._console.print(Text(f"[{seconds:6.1f} s] {line}"), soft_wrap=True)


@dataclass
class _Lane:
    round: int = 0
    tokens: int = 0
    state: str = "waiting for the engine"
    words: str = ""


@dataclass
class LiveView:
    """A lane for each path: its round, tokens, state and last words; below, the LeaP blocks."""

    console: Console
    lanes: dict[str, _Lane] = field(default_factory=dict)
    blocks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = time.monotonic()
        self._live = Live(console=self.console, refresh_per_second=4, get_renderable=self._draw)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, event: dict[str, Any]) -> None:
        """Update the lane or the blocks that the event is about."""
        match event["type"]:
            case "run":
                self.lanes = {name: _Lane() for name in event["paths"]}
            case "usage" if "path" in event:
                self.lanes[event["path"]].tokens = event["usage"]["generated"]
            case "tokens":
                lane = self.lanes[event["path"]]
                lane.round, lane.state = event["round"], _DOING[event["kind"]]
                lane.words = (lane.words + event["text"])[-400:]
            case "segment":
                lane = self.lanes[event["path"]]
                lane.tokens += event["tokens"] if event["kind"] in _DOING else 0
                lane.state = "waiting for its peers"
            case "path_end":
                lane = self.lanes[event["path"]]
                answer = f": {event['answer']}" if event["answer"] else ""
                lane.state = event["status"] + answer
            case "summary" | "route" | "vote":
                self.blocks.append(_line(event))

    def _draw(self) -> Group:
        width, height = self.console.size
        most = max(3, min(_MAX_LANES, height - _OTHER_LINES))
        head = [Column(name, no_wrap=True) for name in ("path", "round", "tokens")]
        table = Table(*head, "state", "last words", expand=True, box=None)
        for name, lane in list(self.lanes.items())[:most]:
            words = tail(lane.words, max(20, width - 64))
            state = Text(clip(lane.state, 28), no_wrap=True)
            table.add_row(name, str(lane.round), str(lane.tokens), state, Text(words, no_wrap=True))
        more = len(self.lanes) - most
        hidden = [Text(f"... and {more} more paths")] if more > 0 else []
        room = max(3, height - min(len(self.lanes), most) - 4)
        blocks = [Text(clip(block, width), style="dim") for block in self.blocks[-room:]]
        return Group(table, *hidden, *blocks, Text(f"{time.monotonic() - self._start:.0f} s", style="dim"))


_DOING = {"thought": "thinking", "summary": "summarizing", "answer": "answering"}


def _line(event: dict[str, Any]) -> str:
    match event["type"]:
        case "run":
            paths = event["paths"]
            return f"{len(paths)} paths: {', '.join(paths[:8])}{', ...' if len(paths) > 8 else ''}; starting the engine"
        case "segment" if event["kind"] in {"thought", "answer"}:
            return f"{event['path']} {_DOING[event['kind']]}, round {event['round']}: {event['tokens']} tokens"
        case "segment" if event["kind"] == "error":
            return f"{event['path']} failed: {event['text']}"
        case "summary":
            who = event["path"] + _checked(event)
            return f"LeaP block {event['round'] + 1}: {who} sums up: {clip(event['text'], 160)}"
        case "route":
            routes = "; ".join(
                f"{reader} reads {', '.join(read) or 'nobody'}" for reader, read in event["sources"].items()
            )
            return f"LeaP block {event['round'] + 1}: {routes}"
        case "path_end":
            return f"{event['path']} {event['status']}: answer {event['answer']!r}, {event['tokens']} tokens"
        case "vote":
            return f"vote: {event['votes']}"
    return ""


def _checked(event: dict[str, Any]) -> str:
    """What its peers read beside the name of the path that sums up."""
    if not event.get("evidence"):
        return ""
    from peerleap.graph.history.evidence import checked  # with the graph's packages, which a run has loaded

    return f" ({clip(', '.join(checked(event['evidence'])), 300)})"
