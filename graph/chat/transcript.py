"""What a reader of a chat sees of a run while it goes on: thoughts, LeaP blocks and the vote as text."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, get_args

from peerleap.graph.chat.marks import Unmarked
from peerleap.graph.events import Event
from peerleap.graph.history import GENERATED

Thoughts = Literal["one", "all", "none"]
"""`one`: the thought of one path, live; where that path has ended, of one that goes on. `all`: of all paths, each line
with its path's name. `none`: no thoughts."""
THOUGHTS = get_args(Thoughts)

# With all paths live, a line that goes on without a break is shown in pieces of about so many characters.
_LINE = 160
# Where the shown path has ended, another one takes its place when it has written so many characters since.
_WORTH_SHOWING = 240
# Characters of a tool's result and of an answer, and how many answers a vote names.
_RESULT, _ANSWER, _ANSWERS = 300, 80, 4


class Piece(NamedTuple):
    """A piece of the reasoning, to be shown after those before it."""

    text: str
    path: str | None = None
    """Whose thought it is; `None` for what concerns several paths."""


class Transcript:
    """Turns the events of one run into the text that a reader sees."""

    def __init__(self, thoughts: Thoughts, marks: Mapping[str, Iterable[str]]) -> None:
        self.generated = 0
        """Tokens that the paths have generated so far, in finished requests."""
        self._thoughts = thoughts
        self._marks = {path: tuple(texts) for path, texts in marks.items()}
        self._clean: dict[str, Unmarked] = {}
        self._lines: dict[str, str] = {}
        self._summaries: dict[str, str] = {}
        self._going: list[str] = list(marks)
        self._shown: str | None = self._going[0] if self._going else None
        self._breaks = 2
        """Line breaks at the end of what is shown."""
        self._last: str | None = None
        """Whose line was written last, and goes on."""

    def feed(self, event: Event) -> list[Piece]:
        """The text that an event adds.

        Args:
            event: of the `custom` stream, in order.

        Returns:
            Pieces, most often none or one.
        """
        if event["type"] == "segment" and event["kind"] in GENERATED:
            self.generated += event["tokens"]
        if self._thoughts == "none":
            return []
        handle: Callable[[Event], Iterable[Piece]] | None = getattr(self, f"_{event['type']}", None)
        pieces: list[Piece] = []
        for piece in () if handle is None else handle(event):
            if piece.text:
                pieces.append(piece)
                breaks = len(piece.text) - len(piece.text.rstrip("\n"))
                self._breaks = breaks if breaks < len(piece.text) else self._breaks + breaks
        return pieces

    def _run(self, event: Event) -> Iterable[Piece]:
        self._going = list(event["paths"])
        self._shown = self._going[0]
        for path, marks in event["thinking"].items():
            self._marks[path] = (*self._marks.get(path, ()), *marks.split())
        return ()

    def _tokens(self, event: Event) -> Iterable[Piece]:
        path = event["path"]
        if event["kind"] != "thought":
            return
        text = self._cleaner(path).feed(event["text"])
        if self._thoughts == "all":
            yield self._line(path, text, end=False)
            return
        if self._shown is None:
            self._lines[path] = self._lines.get(path, "") + text
            if len(self._lines[path]) < _WORTH_SHOWING:
                return
            self._shown, text = path, self._lines[path]
            yield self._note(f"{path} goes on")
        if path == self._shown:
            yield Piece(text, path)

    def _segment(self, event: Event) -> Iterable[Piece]:
        path = event["path"]
        if event["kind"] == "error" and (self._thoughts == "all" or path == self._shown):
            yield self._note(f"{path} failed")
        if event["kind"] != "thought":
            return
        left = self._cleaner(path).end()
        if self._thoughts == "all":
            yield self._line(path, left, end=True)
        elif path == self._shown:
            yield Piece(left, path)

    def _tool_end(self, event: Event) -> Iterable[Piece]:
        if self._thoughts == "all" or event["path"] == self._shown:
            yield self._note(f"{event['path']} used {event['tool']}: {_short(event['text'], _RESULT)}")

    def _summary(self, event: Event) -> Iterable[Piece]:
        self._summaries[event["path"]] = " ".join(event["text"].split())
        if self._thoughts == "all":
            yield self._note(f"{event['path']} sums up: {self._summaries[event['path']]}")

    def _route(self, event: Event) -> Iterable[Piece]:
        block, sources = f"LeaP block {event['round'] + 1}", event["sources"]
        if self._thoughts == "all":
            reads = "; ".join(f"{reader} reads {_names(read)}" for reader, read in sources.items())
            yield self._note(f"{block}: {reads or 'no path is interrupted'}")
        elif self._shown in sources:
            shown, read = str(self._shown), sources[str(self._shown)]
            lines = [f"{path}: {self._summaries[path]}" for path in (shown, *read) if self._summaries.get(path)]
            items = [f"> - {line}" for line in lines]
            yield self._note("\n".join([f"{block}: {shown} reads {_names(read)}", *([">"] if items else []), *items]))
        if event.get("stop") == "agreement":
            yield self._note(f"{block}: the paths agree, so they stop here")

    def _path_end(self, event: Event) -> Iterable[Piece]:
        path = event["path"]
        self._going = [name for name in self._going if name != path]
        if event["status"] == "failed":
            shown = ""
        elif event["answer"] is None:
            shown = f"{path} ends without an answer"
        else:
            shown = f"{path} answers {_short(event['answer'], _ANSWER)}"
        if shown and (self._thoughts == "all" or path == self._shown):
            yield self._note(shown)
        if path == self._shown:
            self._shown = None

    def _vote(self, event: Event) -> Iterable[Piece]:
        votes, total = event["votes"], sum(event["votes"].values())
        if not votes:
            yield self._note("Vote: no path has found an answer")
            return
        by_votes = sorted(votes.items(), key=lambda item: (item[0] != event["answer"], -item[1]))
        counts = [f"{_short(answer, _ANSWER)} ({count} of {total})" for answer, count in by_votes[:_ANSWERS]]
        more = len(votes) - len(counts)
        yield self._note(f"Vote: {', '.join(counts)}" + (f" and {more} more answers" if more > 0 else ""))

    def _cleaner(self, path: str) -> Unmarked:
        if path not in self._clean:
            self._clean[path] = Unmarked(self._marks.get(path, ()))
        return self._clean[path]

    def _line(self, path: str, text: str, *, end: bool) -> Piece:
        """What of a path's text makes up whole lines, with the path's name before it."""
        waiting = self._lines.get(path, "") + text
        cut = waiting.rfind("\n") + 1
        if not cut and len(waiting) > _LINE:
            cut = waiting.rfind(" ") + 1
        cut = len(waiting) if end else cut
        ready, self._lines[path] = waiting[:cut], waiting[cut:]
        if not ready.strip():
            return Piece("")
        begin = "" if self._last == path else f"{self._gap}{path}: "
        self._last = path
        return Piece(begin + (ready if not begin else ready.lstrip()), path)

    def _note(self, text: str) -> Piece:
        self._last = None
        return Piece(f"{self._gap}> {text}\n\n")

    @property
    def _gap(self) -> str:
        """What begins a paragraph."""
        return "\n" * max(0, 2 - self._breaks)


def _names(paths: Iterable[str]) -> str:
    return ", ".join(paths) or "no peer"


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
