"""A round of one path: think for T tokens, and, where the thought or the budget ends, answer."""

from collections.abc import Sequence

from langgraph.errors import GraphBubbleUp

from peerleap.agents import prompts
from peerleap.graph.answers import extract_answer, find_answer
from peerleap.graph.checkpoints import Journal
from peerleap.graph.errors import CheckpointError
from peerleap.graph.events import discard, end_event, segment_event, usage_event
from peerleap.graph.history import Finish, Kind, Segment, sent_tokens, spent, thought_tokens
from peerleap.graph.path.cuts import ends_in_number, in_open_unit
from peerleap.graph.path.path import Path
from peerleap.graph.path.turn import Status, Stops, Turn

_PARAGRAPH = "\n\n"
_BOXED_TOKENS = 64
_MAX_INVENTED = 2
# How many times `grace` a path may continue so that a block does not cut a fence, a formula or a number.
_UNIT_GRACE = 4
# Tokens in which a number should be over.
_NUMBER_TOKENS = 16


async def think(path: Path, history: Sequence[Segment], target: int | None, turn: Turn) -> tuple[list[Segment], Status]:
    """Run one round of `target` tokens, or to the end of the path; its new segments, and the path's status.

    An error of the engine ends the path, not the run: it becomes an `error` segment and the status `failed`.
    """
    round_ = Round(path, history, turn)
    try:
        status = await round_.run(target)
    except (GraphBubbleUp, CheckpointError):  # a tool interrupts the graph; the run cannot be stored
        raise
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"
        round_.add(Segment(kind="error", round=turn.round, token_ids=[], text=text))
        status = "failed"
    if turn.write is not discard:
        turn.write(usage_event(path.name, turn.round, round_.history))
    if status != "active":
        answer = None if status == "failed" else extract_answer(round_.history, path.task)
        turn.write(end_event(path.name, status, answer, round_.history))
    return round_.new, status


async def forced_answer(path: Path, history: Sequence[Segment], turn: Turn) -> list[Segment]:
    """What the path would add to its history if its budget ended here: the request for its answer, and the answer."""
    round_ = Round(path, history, turn._replace(write=discard))
    round_.journal = Journal()  # it is called in a task, whose result LangGraph stores
    await round_.force()
    return round_.new


class Round:
    """One path in one round: its history so far, and what the round adds to it."""

    def __init__(self, path: Path, history: Sequence[Segment], turn: Turn) -> None:
        self.path, self.settings, self.turn = path, path.settings, turn
        self.journal = Journal(turn.config)
        self.history = list(history)
        self._spent = self._count(history)
        self.new: list[Segment] = []
        self._invented = 0

    def _count(self, segments: Sequence[Segment]) -> int:
        return spent(segments, self.settings.budget_counts)

    @property
    def budget(self) -> int:
        """Tokens that are left of the path's budget."""
        return self.settings.max_tokens - self._spent

    def add(self, segment: Segment) -> None:
        """Append a finished segment, and emit it."""
        self.history.append(segment)
        self._spent += self._count((segment,))
        self.new.append(segment)
        self.turn.write(segment_event(self.path.name, segment))

    async def run(self, target: int | None) -> Status:
        """Think, and answer where the thought ends; `active` where a LeaP block comes next."""
        await self.journal.open()
        limit = self.budget if target is None else min(target, self.budget)
        stops: Stops = self.path.think_end
        # Without a further block, a summary that the path begins is part of its thought.
        if self.settings.trigger == "model" and target is not None and self.settings.talk != "probe":
            stops = {**stops, prompts.SUMMARIZE: "summarize"}
        self._nudge()
        finish = await self._think(limit, stops)
        if finish == "interval" and self.budget > 0:
            finish = await self._to_a_good_place(stops)
        if finish == "think_end":
            return await self._answer()
        if finish == "turn_end":
            return await self._ended()
        if self.budget <= 0:
            return await self.force()
        return "active"

    async def _to_a_good_place(self, stops: Stops) -> Finish:
        """Continue past T to the end of a paragraph, and out of a fence, a formula, a number or a tool call."""
        grace, room = self.settings.grace, _UNIT_GRACE * self.settings.grace + _NUMBER_TOKENS
        finish: Finish = "interval"
        while self.settings.cut == "paragraph" and finish == "interval" and self.budget > 0 and not self._in_call():
            limit = self._tokens_to_a_good_place(grace, room)
            if limit <= 0:
                break
            begun = len(self.new)
            finish = await self._think(limit, {**stops, _PARAGRAPH: "interval"})
            used = thought_tokens(self.new[begun:])
            grace, room = grace - used, room - used
        # Also where the paragraph has ended in the middle of a call, at an empty line of its code.
        if finish == "interval" and self._in_call():
            finish = await self._think(grace, stops, one_call=True)
        return finish

    def _tokens_to_a_good_place(self, grace: int, room: int) -> int:
        """Maximum number of tokens to go on for; 0 where a LeaP block may begin here."""
        text = "".join(segment["text"] for segment in self.history if segment["kind"] == "thought")
        if ends_in_number(text):
            return min(room, _NUMBER_TOKENS)
        if in_open_unit(text):
            return room - _NUMBER_TOKENS
        return 0 if self.history[-1]["text"].endswith(_PARAGRAPH) else min(grace, room)

    def _in_call(self) -> bool:
        return self.path.tools is not None and self.path.tools.pending(self.history)

    async def _think(self, limit: int, stops: Stops, *, one_call: bool = False) -> Finish:
        """Think for `limit` generated tokens, or, with `one_call`, until the call is answered that has begun."""
        while limit > 0 and self.budget > 0:
            segment = await self._generate(
                "thought", min(limit, self.budget), self._thought_stops(stops), at_limit="interval"
            )
            self.add(segment)
            limit -= len(segment["token_ids"])
            finish = segment["finish"]
            if finish == "invented":
                self._invented += 1
                self._insert(prompts.INVENTED_COMMENT)
            elif await self._call_tool(segment):
                if one_call:
                    return "interval"
            elif finish != "tool":
                return finish
        return "interval"

    def _thought_stops(self, stops: Stops) -> Stops:
        """`stops`, and what ends a thought for a moment: an invented comment, a tool call."""
        calls = self.path.tools.stops(self.history) if self.path.tools is not None else ()
        invented: Stops = {prompts.COMMENT: "invented"} if self._invented < _MAX_INVENTED else {}
        return {**dict.fromkeys(calls, "tool"), **invented, **stops}

    async def _call_tool(self, segment: Segment) -> bool:
        """Answer the call that `segment` completes, if it does; whether there is an answer to think about."""
        tools = self.path.tools
        if tools is None or segment["finish"] not in {"interval", "tool", "turn_end"}:
            return False
        call = tools.find(self.history, segment.get("stop"))
        if call is None:
            return False
        answer = await self.journal.tool_call(
            lambda: tools.answer(call, self.history, segment, self.budget, path=self.path.name, turn=self.turn)
        )
        if answer is not None:
            self.add(answer)
        return answer is not None

    def _nudge(self) -> None:
        """Open a block for a path that has read its peers and has called nothing yet."""
        tools = self.path.tools
        if tools is None or not tools.nudge or any("tool" in s for s in self.history):
            return
        if not any(s["kind"] in {"comment", "summary"} for s in self.history):  # no block has interrupted it
            return
        nudge = self.path.insert("nudge", self.turn.round, tools.nudge)
        if len(nudge["token_ids"]) < self.budget:
            self.add(nudge)

    async def _answer(self) -> Status:
        """The thought is over: write the answer section."""
        self.add(await self._generate("answer", self.settings.answer_tokens, {}, at_limit="cut"))
        return await self._ended()

    async def _ended(self) -> Status:
        """The path has ended by itself; where its answer is not in the box that its prompt demands, ask for it.

        An answer in prose has a vote, but graders read boxes only; it keeps its vote where asking yields nothing.
        """
        path = self.path
        found = find_answer(self.history, path.task)
        if found is not None and (found.boxed or path.task == "free"):
            return "finished"
        thought_open = path.thinking.thinks and not any(
            segment["kind"] == "thought" and segment.get("finish") == "think_end" for segment in self.history
        )
        return await self._ask(f"\n{path.thinking.close}" if thought_open else "")

    async def force(self) -> Status:
        """The budget is used up: close the thought and ask for the answer."""
        return await self._ask(prompts.OUT_OF_BUDGET + (self.path.thinking.close if self.path.thinking.thinks else ""))

    async def _ask(self, before: str) -> Status:
        opening = prompts.ANSWERS[self.path.task]
        self._insert(before + opening)
        tokens = self.settings.answer_tokens
        limit, stop = (min(tokens, _BOXED_TOKENS), "\n") if opening.endswith("{") else (tokens, _PARAGRAPH)
        if not await self._write_answer(limit, stop):
            # It began with the line break that ends an answer: once more, from behind it.
            left = limit - len(self.history[-1]["token_ids"])
            if left > 0:
                await self._write_answer(left, stop)
        return "forced"

    async def _write_answer(self, limit: int, stop: str) -> bool:
        """Write an answer, up to `stop`. True if the answer holds any text, or did not end at `stop`."""
        segment = await self._generate("answer", limit, {stop: "answer"}, at_limit="cut")
        self.add(segment)
        return segment["finish"] != "answer" or bool(segment["text"].strip())

    async def _generate(self, kind: Kind, limit: int, stops: Stops, *, at_limit: Finish) -> Segment:
        return await self.journal.request(
            kind,
            sent_tokens(self.history),
            lambda: self.path.generate(kind, self.history, limit, stops, self.turn, at_limit=at_limit),
        )

    def _insert(self, text: str, kind: Kind = "nudge") -> None:
        self.add(self.path.insert(kind, self.turn.round, text))
