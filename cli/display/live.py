"""The live view: a lane for each path, the newest LeaP block (who reads whom, and what), and whose answer changed."""

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from peerleap.cli.display.board import Block, Board, Lane
from peerleap.cli.display.plain import clip, first_line, plain, tail

_MAX_LANES = 24
_WIDE = 100
# Words beside the other columns are worth showing from this width on; narrower ones get a line of their own.
_ENOUGH_WORDS = 36
_GAP = 2
_STYLES = {"thinking": "cyan", "summarizing": "magenta", "answering": "green", "finished": "bold green",
           "forced": "yellow", "failed": "bold red"}  # fmt: skip


class LiveView:
    """Redraws the run's board four times a second, and leaves its last picture."""

    def __init__(self, console: Console, question: str = "") -> None:
        self.console = console
        self.board = Board(question)
        self._notice = ""
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self.draw)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notice = ""
        self._live.__exit__(kind, error, trace)

    def show(self, event: dict[str, Any]) -> None:
        """Update the board."""
        with self._lock:  # the picture is drawn on a thread of its own
            self.board.update(event)
            if event["type"] == "tokens":
                self._notice = ""

    def restore(self, run: dict[str, Any]) -> None:
        """Show a stored run as it stands."""
        with self._lock:
            self.board.restore(run)

    def notice(self, text: str) -> None:
        """Show the text below the lanes, until paths write or the next one comes."""
        self._notice = plain(text)

    def draw(self) -> Group:
        """The picture as it fits the terminal now."""
        width, height = self.console.size
        with self._lock:
            lines = [Text(clip(self.board.question, width), style="bold")] if self.board.question else []
            below = [*_changes(self.board, width), *self._foot(width)]
            # The cursor stands on a line of its own.
            room = height - 1 - len(lines) - len(below)
            lanes = _lanes(self.board, width, max(4, room - _least_block(self.board)))
            block = _block(self.board, width, max(0, room - len(lanes)))
        return Group(*lines, *lanes, *block, *below)

    def _foot(self, width: int) -> list[Text]:
        seconds = time.monotonic() - self._start
        tokens = sum(map(self.board.tokens, self.board.lanes.values()))
        speeds = [speed for speed in map(self.board.speed, self.board.lanes.values()) if speed is not None]
        parts = [f"{seconds:.0f} s", f"{tokens:,} tokens generated"]
        if speeds:
            parts.append(f"{sum(speeds):.0f} tokens/s")
        lines = [Text(clip(self._notice, width), style="yellow")] if self._notice else []
        return [*lines, Text(clip(" · ".join(parts), width), style="dim")]


def _lanes(board: Board, width: int, room: int) -> list[Text]:
    """A head, and one or two lines for each path; as many paths as there is room for."""
    if not board.lanes:
        return []
    columns = _columns(board, width)
    beside = width - sum(size + _GAP for size in columns.values())
    most = max(3, min(_MAX_LANES, room - 2))
    shown = list(board.lanes.items())[:most]
    below = beside < _ENOUGH_WORDS and 2 * len(shown) + 1 <= room and len(shown) == len(board.lanes)
    head = "".join(set_cell_size(name, size) + " " * _GAP for name, size in columns.items())
    head += "" if below or beside < 10 else "last words"
    lines = [Text(set_cell_size(head, min(width, cell_len(head))), style="dim")]
    for name, lane in shown:
        line = _lane(board, name, lane, columns)
        if not below and beside >= 10:
            line.append(tail(lane.words, beside), style="dim" if lane.ended else "")
        lines.append(line)
        if below:
            lines.append(Text("  " + tail(lane.words, width - 2), style="dim"))
    if more := len(board.lanes) - len(shown):
        lines.append(Text(f"... and {more} more paths", style="dim"))
    return lines


def _columns(board: Board, width: int) -> dict[str, int]:
    """Widths of the columns before the last words, by head; the least needed ones go where there is no room."""
    wide = width >= _WIDE
    name = min(max(map(cell_len, board.lanes)), 16 if wide else 10)
    sizes = {"path": max(4, name), "budget": 15 if wide else 9, "tok/s": 5, "state": 22 if wide else 11,
             "answer": 18 if wide else 10}  # fmt: skip
    for dropped in ("tok/s", "answer", "budget", "state"):
        if sum(size + _GAP for size in sizes.values()) <= width + _GAP:
            break
        del sizes[dropped]
    return sizes


def _lane(board: Board, name: str, lane: Lane, columns: Mapping[str, int]) -> Text:
    speed, budget = board.speed(lane), board.settings.get("max_tokens")
    wide = columns.get("budget", 0) > 9
    spent = _count(board.used(lane), wide) + (f"/{_count(budget, wide)}" if isinstance(budget, int) else "")
    # "waiting for its peers" is cut to its first word where there is no room for all of it.
    state = lane.state if cell_len(lane.state) <= columns.get("state", 0) else lane.state.split()[0]
    mark = "* " if lane.changed else ""
    cells = {
        "path": (name, "bold"),
        "budget": (spent, ""),
        "tok/s": ("" if speed is None else f"{speed:.0f}", ""),
        "state": (state, _STYLES.get(lane.state, "dim")),
        "answer": (mark + (lane.answer or ""), "bold yellow" if lane.changed else "bold"),
    }
    line = Text(no_wrap=True)
    for column, size in columns.items():
        text, style = cells[column]
        line.append(set_cell_size(clip(text, size), size), style=style)
        line.append(" " * _GAP)
    return line


def _count(tokens: int, wide: bool) -> str:
    if wide:
        return f"{tokens:,}"
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1000:.1f}k" if tokens < 9950 else f"{tokens / 1000:.0f}k"


def _least_block(board: Board) -> int:
    """Lines that the newest block should get even where there are many lanes."""
    return min(4, 1 + len(board.blocks[-1].summaries)) if board.blocks else 0


def _block(board: Board, width: int, room: int) -> list[Text]:
    """The newest block: who reads whom, with the first line of each summary."""
    if not board.blocks or room < 2:
        return []
    block = board.blocks[-1]
    names = [name for name in board.lanes if name in block.summaries or name in block.routes]
    shown = names[: room - 1 if len(names) < room else room - 2]
    size = min(max(map(cell_len, names), default=0), 16 if width >= _WIDE else 10)
    lines = [_block_head(board, block, width)]
    reads = {name: _reads(name, block, names, 36 if width >= _WIDE else 20) for name in shown if name in block.routes}
    column = max(map(cell_len, reads.values()), default=0)
    for name in shown:
        line = Text(set_cell_size(clip(name, size), size) + " ", style="bold", no_wrap=True)
        line.append(set_cell_size(reads.get(name, ""), column) + " " * bool(column), style="cyan")
        left = width - cell_len(line.plain)
        if left > 12 and name in block.summaries:
            line.append(clip(f"“{first_line(block.summaries[name])}”", left), style="italic")
        lines.append(line)
    if more := len(names) - len(shown):
        lines.append(Text(f"... and {more} more summaries", style="dim"))
    return lines


def _block_head(board: Board, block: Block, width: int) -> Text:
    """The block's number, and how many paths hold each answer: where the number grows, an answer spreads."""
    parts = [f"LeaP block {block.number}"]
    before = board.tally(board.blocks[-2]) if len(board.blocks) > 1 else {}
    for answer, count in board.tally(block).items():
        spread = f" (was {before[answer]})" if answer in before and before[answer] != count else ""
        parts.append(f"{clip(answer, 24)} ×{count}{spread}")
    return Text(clip(" · ".join(parts), width), style="bold magenta")


def _reads(name: str, block: Block, names: Sequence[str], width: int) -> str:
    """Whom a path reads; names that differ only in their number are shortened where the whole ones do not fit."""
    read = block.routes[name]
    if not read:
        return "reads no peer"
    whole = f"reads {', '.join(read)}"
    stems = {other.rpartition("_")[0] for other in names}
    if cell_len(whole) > width and len(stems) == 1:
        whole = f"reads {', '.join(other.rpartition('_')[2] for other in read)}"
    return clip(whole, width)


def _changes(board: Board, width: int) -> list[Text]:
    """The latest changes of answers while the run goes on; all of them, with the vote, at its end."""
    if board.votes is None:
        return [Text(clip(f"* {change}", width), style="yellow") for change in board.changes[-2:]]
    votes = ", ".join(f"{clip(answer, 40)} ×{count}" for answer, count in board.votes.items())
    lines = [Text(clip(f"vote: {votes or 'no path gave an answer'}", width), style="bold")]
    if board.blocks and not board.changes:
        lines.append(Text(clip("no path changed its answer after reading its peers", width), style="dim"))
    return lines + [Text(clip(f"* {change}", width), style="yellow") for change in board.changes[-8:]]
