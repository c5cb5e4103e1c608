"""Calls in a path's own thought: find them, run them, write the answers back."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.errors import GraphBubbleUp

from peerleap.agents import Peer
from peerleap.engine import Engine, control_ids, control_texts, decode, detect_thinking, encode
from peerleap.graph.errors import SettingsError
from peerleap.graph.events import VERSION, Event
from peerleap.graph.history import Segment, ToolRecord
from peerleap.graph.path.turn import Turn
from peerleap.tools import (
    PROTOCOLS,
    START_NUDGE,
    BadCall,
    FenceProtocol,
    HarmonyProtocol,
    HermesProtocol,
    PathCall,
    RunTool,
    StopReason,
    ToolOutcome,
    ToolProtocol,
    ToolRequest,
    ToolRunner,
    ToolUse,
    break_control,
    call_config,
    neutralise,
    one_line,
    shorten,
    unavailable,
)

# What a path needs behind a result to make something of it: with less left, the call is not run.
_ROOM_AFTER = 16
# What stands for a result of which fewer characters than that have room.
_CUT, _SHORTEST = "…", 8
# Characters of a cell's output that travel with the path's summary.
_PRINTED = 120


class Toolbox:
    """The tools of one peer, on the engine that its paths run on.

    Raises:
        SettingsError: the peer's protocol does not suit the model.
    """

    def __init__(self, peer: Peer, engine: Engine) -> None:
        self._tokenizer = engine.tokenizer
        self.protocol = _protocol(peer, engine)
        self.markers = (*self.protocol.markers, *control_texts(self._tokenizer))
        self.runner = ToolRunner(peer.tools, limits=peer.limits, markers=self.markers)
        self.nudge = START_NUDGE if peer.nudge else ""

    @property
    def hint(self) -> str:
        """What the prompt says about the tools; empty where the chat template says it."""
        return self.protocol.hint(self.runner.tools, self.runner.limits, self.markers)

    @property
    def template_tools(self) -> list[dict[str, Any]] | None:
        """The `tools` of the chat template, for native protocols."""
        return self.protocol.template_tools(self.runner.tools, self.markers)

    def open_run(self, config: RunnableConfig) -> None:
        """A run begins: let tools start in the background what takes time to start."""
        for tool in self.runner.tools:
            if isinstance(tool, RunTool):
                tool.open_run(config)

    def stops(self, history: Sequence[Segment]) -> tuple[str | int, ...]:
        """Stop strings and stop token ids of a path that may still call tools; none for one that may not."""
        if not self.runner.remaining(_use(history)):
            return ()
        return (*self.protocol.stop, *self.protocol.stop_token_ids)

    def find(self, history: Sequence[Segment], stop_reason: StopReason) -> ToolRequest | BadCall | None:
        """The call that the path's own text behind the last insertion holds."""
        if not self.runner.remaining(_use(history)):
            return None
        return self.protocol.parse(self._own_text(history), 0, stop_reason)

    def pending(self, history: Sequence[Segment]) -> bool:
        """Whether the path is in the middle of a call."""
        if not self.runner.remaining(_use(history)):
            return False
        return self.protocol.pending(self._own_text(history), 0) is not None

    async def answer(
        self, call: ToolRequest | BadCall, history: Sequence[Segment], who: Segment, room: int, *, path: str, turn: Turn
    ) -> Segment | None:
        """Run `call`; a `tool` segment of at most `room` tokens, or `None` where no answer would fit.

        `who` is the generated segment that ends with the call. Whatever the tool does is reported to the model; only an
        interrupt of the graph and a cancellation pass through.
        """
        if room - _ROOM_AFTER < self._least(call, history):
            return None
        name = call.name if isinstance(call, ToolRequest) else ""
        event = Event(v=VERSION, type="tool_start", path=path, round=who["round"], tool=name)
        turn.write({**event, "text": call.raw})
        outcome = await self._run(call, history, path, turn)
        segment = self._segment(call, outcome, who["round"], room - _ROOM_AFTER)
        if segment is not None:
            segment["tool"] = _record(name, outcome, self.markers)
        seconds = round(outcome.duration_s, 3)
        turn.write({**event, "type": "tool_end", "status": outcome.status, "seconds": seconds, "text": outcome.text})
        return segment

    async def _run(self, call: ToolRequest | BadCall, history: Sequence[Segment], path: str, turn: Turn) -> ToolOutcome:
        use = _use(history)
        limits = self.runner.limits
        seconds = min(limits.seconds, max(0.1, limits.path_seconds - use.seconds))
        name = call.name if isinstance(call, ToolRequest) else ""
        mine = call_config(turn.config, PathCall(path, _cells(history, name), seconds))
        mine = merge_configs(mine, {"metadata": {"leap_path": path, "leap_round": turn.round}})
        try:
            tool = next((tool for tool in self.runner.tools if tool.name == name), None)
            if isinstance(tool, RunTool):
                await tool.ready(mine)
            return await self.runner.run(call, mine, use=use)
        except GraphBubbleUp:
            raise
        except Exception as error:  # noqa: BLE001 - a tool that breaks must not take its path along
            text = neutralise(f"{type(error).__name__}: {error}"[:300], self.markers)
            digest = hashlib.sha256(text.encode()).hexdigest()
            return ToolOutcome(text, "error", 0.0, None, digest, replace(use, calls=use.calls + 1))

    def _segment(
        self, call: ToolRequest | BadCall, outcome: ToolOutcome, round_number: int, room: int
    ) -> Segment | None:
        body, left = uncontrolled(self._tokenizer, outcome.text), self.runner.remaining(outcome.use)
        while True:
            text = self.protocol.render(call, body, left)
            ids = list(self._tokenizer.encode(text, add_special_tokens=False))
            if len(ids) <= room:
                return Segment(kind="tool", round=round_number, token_ids=ids, text=text)
            if body == _CUT:
                return None
            fits = min(len(body) - 1, len(body) * room // len(ids))
            cut = neutralise(shorten(body, fits), self.markers, max_chars=fits) if fits >= _SHORTEST else _CUT
            cut = uncontrolled(self._tokenizer, cut)
            body = cut if len(cut) < len(body) else _CUT

    def _least(self, call: ToolRequest | BadCall, history: Sequence[Segment]) -> int:
        """Tokens of the shortest answer: a call that ran and got none would be found, and run, again."""
        left = max(0, self.runner.remaining(_use(history)) - 1)
        answers = [self.protocol.render(call, _CUT, remaining) for remaining in {left, 0}]
        return max(len(self._tokenizer.encode(answer, add_special_tokens=False)) for answer in answers)

    def _own_text(self, history: Sequence[Segment]) -> str:
        """What the path has generated since the last insertion, behind the nudge where that was the last one."""
        ids: list[int] = []
        for segment in reversed(history):
            if segment["kind"] != "thought":
                opened = segment["kind"] == "nudge" and self.nudge and segment["text"].endswith(self.nudge)
                return (self.nudge if opened else "") + decode(self._tokenizer, ids)
            ids = segment["token_ids"] + ids
        return decode(self._tokenizer, ids)


def uncontrolled(tokenizer: Any, text: str) -> str:
    """`text` with what the tokenizer would take for control tokens broken up."""
    return break_control(
        text, control_texts(tokenizer), control_ids=control_ids(tokenizer), encode=partial(encode, tokenizer)
    )


def _protocol(peer: Peer, engine: Engine) -> ToolProtocol:
    protocol = PROTOCOLS[peer.protocol]()
    if isinstance(protocol, FenceProtocol) and all(tool.name != protocol.python for tool in peer.tools):
        protocol = replace(protocol, python=None)  # blocks are plain text where nothing runs them
    if isinstance(protocol, HermesProtocol | HarmonyProtocol):
        try:
            protocol = type(protocol).from_tokenizer(engine.tokenizer)
        except ValueError as error:
            raise SettingsError(f"peer {peer.name!r}: protocol={peer.protocol!r}: {error}") from error
    if not protocol.in_thought and detect_thinking(engine.tokenizer, peer.thinking or "auto").thinks:
        raise SettingsError(
            f"peer {peer.name!r}: protocol={peer.protocol!r} calls tools outside the thought only, and "
            f"{engine.model!r} thinks: use protocol='fence'"
        )
    return protocol


def _use(history: Sequence[Segment]) -> ToolUse:
    """What the path has spent on tools."""
    return next((ToolUse(**segment["tool"]["use"]) for segment in reversed(history) if "tool" in segment), ToolUse())


def _cells(history: Sequence[Segment], tool: str) -> tuple[str, ...]:
    """The cells that made the state of `tool`, as the path knows it."""
    cells: list[str] = []
    for segment in history:
        record = segment.get("tool")
        if record is not None and record["name"] == tool:
            if record.get("lost"):
                cells.clear()
            if "cell" in record:
                cells.append(record["cell"])
    return tuple(cells)


def _record(name: str, outcome: ToolOutcome, markers: Sequence[str]) -> ToolRecord:
    # Any tool may have a field of one of these names, with a value of its own.
    artifact = outcome.artifact if isinstance(outcome.artifact, dict) else {}
    # A cell that raised, or a search that found nobody: the tool has answered, but nothing was verified.
    failed = artifact.get("ok") is False or unavailable(artifact)
    record = ToolRecord(
        name=name,
        status="error" if failed and outcome.status == "ok" else outcome.status,
        seconds=round(outcome.duration_s, 3),
        digest=outcome.digest,
        use=asdict(outcome.use),
    )
    if isinstance(artifact.get("cell"), str) and not failed:
        record["cell"] = artifact["cell"]
        # Of code only: what a page says must not speak from a label.
        if printed := one_line(str(artifact.get("printed") or ""), markers, max_chars=_PRINTED):
            record["printed"] = printed
    if artifact.get("hits") == []:
        record["empty"] = True
    if artifact.get("lost") is True:
        record["lost"] = True
    return record
