"""What a person follows in a run: each path's lane, each LeaP block, and who changed its answer after reading whom."""

import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peerleap.viewer import Change, HeldAnswers

DOING = {"thought": "thinking", "summary": "summarizing", "answer": "answering"}
# Tags and control tokens, which say nothing to a person.
_MARKUP = re.compile(r"</?(?:summarize|comment|think)>|<\|\w+\|>")
_WORDS_CHARACTERS = 400
_WINDOW_SECONDS = 8.0
# Until a request has ended, nobody knows how many tokens its text has: this is an English text's ratio.
_CHARACTERS_PER_TOKEN = 4.0


@dataclass
class Lane:
    """One path."""

    state: str = "waiting for the engine"
    round: int = 0
    words: str = ""
    """The end of what it has written."""
    answer: str | None = None
    changed: bool = False
    """True if the path ever changed its answer after it had read its peers."""
    ended: bool = False
    usage: Counter[str] = field(default_factory=Counter)
    """Tokens by kind of segment, of requests that have ended; `inserted` for what others wrote."""
    open_characters: int = 0
    """Characters of the request under way."""
    past: "deque[tuple[float, int]]" = field(default_factory=deque)
    """Times (s) and token counts of the last seconds."""


@dataclass
class Block:
    """One LeaP block, numbered from 1."""

    number: int
    summaries: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """The answer that each path held when the block was closed."""
    routes: dict[str, list[str]] = field(default_factory=dict)
    """By reader: whose summaries it reads. Empty until the block is closed."""


class Board:
    """The state of a run, from the events of its `custom` stream."""

    def __init__(self, question: str = "") -> None:
        self.question = question
        self.lanes: dict[str, Lane] = {}
        self.blocks: list[Block] = []
        self.held = HeldAnswers(self._kind)
        self.votes: Mapping[str, int] | None = None
        self.answer: str | None = None
        self.settings: Mapping[str, Any] = {}
        self._task: Any = None
        self._characters = self._tokens = 0

    @property
    def changes(self) -> list[Change]:
        """Who changed its answer after it had read its peers, in order."""
        return self.held.changes

    def update(self, event: Mapping[str, Any]) -> list[Change]:
        """Take in one event.

        Args:
            event: as in docs/events.md; unknown types are skipped.

        Returns:
            The changes of answers that the event reveals.
        """
        known = len(self.changes)
        lane = self.lanes.get(event.get("path", ""))
        match event["type"]:
            case "run":
                self.settings = event["settings"]
                self.lanes = {name: Lane() for name in event["paths"]}
            case "route":
                block = self._block(event["round"])
                block.routes = dict(event["sources"])
                block.held = dict(self.held.answers)
                self.held.close_block(block.number, block.routes)
            case "vote":
                self.votes, self.answer = event["votes"], event["answer"]
            case kind if lane is not None:
                self._update_lane(kind, event["path"], lane, event)
                lane.answer = self.held.answers.get(event["path"])
                lane.changed = event["path"] in self.held.changed
        return self.changes[known:]

    def restore(self, run: Mapping[str, Any]) -> None:
        """Take in a stored run, as `read_run` returns it, block by block."""
        self.question, self.settings = run["question"], run["settings"]
        self.lanes = {name: Lane() for name in run["histories"]}
        for record in run["rounds"]:
            self._restore_segments(run["histories"], record["round"])
            for path, probe in record.get("probes", {}).items():
                self.held.probe(path, probe["answer"])
            for path, summary in record["summaries"].items():
                self.update({"type": "summary", "path": path, "round": record["round"], "text": summary["text"]})
            self.update({"type": "route", "round": record["round"], "sources": record["routes"]})
        self._restore_segments(run["histories"], len(run["rounds"]))

    def _restore_segments(self, histories: Mapping[str, Any], round_number: int) -> None:
        for name, history in histories.items():
            for segment in history:
                if segment["round"] == round_number and segment["kind"] != "prompt":
                    self._add_segment(name, self.lanes[name], {**segment, "tokens": len(segment["token_ids"])})

    def _update_lane(self, kind: str, path: str, lane: Lane, event: Mapping[str, Any]) -> None:
        match kind:
            case "usage":
                lane.usage = Counter({name: event["usage"].get(name, 0) for name in (*DOING, "inserted")})
            case "tokens":
                lane.round, lane.state = event["round"], DOING.get(event["kind"], lane.state)
                lane.words = _MARKUP.sub(" ", lane.words + event["text"])[-_WORDS_CHARACTERS:]
                lane.open_characters += len(event["text"])
            case "segment":
                self._add_segment(path, lane, event)
            case "tool_start":
                lane.state = f"runs {event['tool']}"
            case "tool_end":
                lane.state = DOING["thought"]
            case "probe":
                self.held.probe(path, event["answer"])
            case "summary":
                self._block(event["round"]).summaries[path] = event["text"]
                self.held.sum_up(path, event["text"])
            case "path_end":
                lane.state, lane.ended = event["status"], True
                self.held.end(path, event["answer"])
        now = time.monotonic()
        lane.past.append((now, self.tokens(lane)))
        while len(lane.past) > 2 and lane.past[0][0] < now - _WINDOW_SECONDS:
            lane.past.popleft()

    def _add_segment(self, path: str, lane: Lane, event: Mapping[str, Any]) -> None:
        kind, tokens = event["kind"], event["tokens"]
        generated = kind in DOING
        lane.usage[kind if generated else "inserted"] += tokens
        lane.round, lane.open_characters = event["round"], 0
        lane.state = "failed" if kind == "error" else "waiting for its peers"
        if generated:
            self._characters, self._tokens = self._characters + len(event["text"]), self._tokens + tokens
        self.held.add(path, kind, event["text"])

    def _block(self, round_number: int) -> Block:
        if not self.blocks or self.blocks[-1].number <= round_number:
            self.blocks.append(Block(round_number + 1))
        return self.blocks[-1]

    def tokens(self, lane: Lane) -> int:
        """Number of tokens that a path has generated; of the request under way, estimated from its characters."""
        ratio = self._characters / self._tokens if self._tokens and self._characters else _CHARACTERS_PER_TOKEN
        return sum(lane.usage[kind] for kind in DOING) + round(lane.open_characters / ratio)

    def used(self, lane: Lane) -> int:
        """Number of tokens that count against a path's budget."""
        if self.settings.get("budget_counts") == "own":
            return self.tokens(lane) - lane.usage["summary"] - lane.usage["answer"]
        return self.tokens(lane) - lane.usage["answer"] + lane.usage["inserted"]

    def speed(self, lane: Lane) -> float | None:
        """Tokens a second over the last seconds; `None` where the path is not writing."""
        if lane.state not in DOING.values() or len(lane.past) < 2:
            return None
        (begin, before), (end, now) = lane.past[0], lane.past[-1]
        return (now - before) / (end - begin) if end > begin and now >= before else None

    def tally(self, block: Block) -> dict[str, int]:
        """How many paths held each answer when the block was closed, the most frequent first."""
        groups: Counter[str] = Counter()
        for answer in block.held.values():
            groups[next((known for known in groups if self.held.same(known, answer)), answer)] += 1
        return dict(groups.most_common())

    def _kind(self) -> Any:
        if self._task is None:
            from peerleap.graph.answers import detect_task

            self._task = self.settings.get("task") or detect_task(self.question)
        return self._task
