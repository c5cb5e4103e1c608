"""A round of one path: think for T tokens, and, where the thought or the budget ends, answer."""

from collections.abc import Awaitable, Sequence
from typing import Literal

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from peerleap.agents import prompts
from peerleap.engine import Completion
from peerleap.graph.answers.own_answer import extract_answer, find_answer
from peerleap.graph.checkpoints import Journal, sent_tokens
from peerleap.graph.errors import CheckpointError
from peerleap.graph.events.emitter import nobody
from peerleap.graph.events.schema import Writer, end_event, segment_event, usage_event
from peerleap.graph.history.segments import Finish, Kind, Segment, grown
from peerleap.graph.path.path import Path
from peerleap.graph.settings import Settings

Status = Literal["active", "finished", "forced", "failed"]

_PARAGRAPH = "\n\n"
_BOXED_TOKENS = 64
_MAX_INVENTED = 2


def round_target(settings: Settings, round_number: int, history: Sequence[Segment]) -> int | None:
    """Tokens to think until the next LeaP block; `None` where there is no further block.

    `communicate_at` counts thought tokens from the beginning of the path, `interval` from the last block.
    """
    if settings.communicate_at is not None:
        if round_number >= len(settings.communicate_at):
            return None
        thought = sum(len(segment["token_ids"]) for segment in history if segment["kind"] == "thought")
        return max(1, settings.communicate_at[round_number] - thought)
    if settings.rounds is not None and round_number >= settings.rounds:
        return None
    return settings.interval


async def think(
    path: Path,
    history: Sequence[Segment],
    round_number: int,
    target: int | None,
    write: Writer,
    config: RunnableConfig | None = None,
) -> tuple[list[Segment], Status]:
    """Run one round; the new segments and the path's status. `config` is the node's own, for the path's tools.

    An error of the engine ends the path, not the run: it becomes an `error` segment and the status `failed`.
    """
    turn = _Turn(path, history, round_number, write, config)
    try:
        status = await turn.run(target)
    except (GraphBubbleUp, CheckpointError):  # a tool interrupts the graph; the run cannot be kept
        raise
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"
        turn.add(Segment(kind="error", round=round_number, token_ids=[], text=text))
        status = "failed"
    if write is not nobody:
        write(usage_event(path.name, round_number, turn.history))
    if status != "active":
        answer = None if status == "failed" else extract_answer(turn.history, path.task)
        write(end_event(path.name, status, answer, turn.history))
    return turn.new, status


class _Turn:
    def __init__(
        self, path: Path, history: Sequence[Segment], round_number: int, write: Writer, config: RunnableConfig | None
    ) -> None:
        self.path, self.settings, self.round, self.write = path, path.settings, round_number, write
        self.config, self.journal = config, Journal(config)
        self.history = list(history)
        self._grown = grown(history)
        self.new: list[Segment] = []
        self._invented = 0

    @property
    def budget(self) -> int:
        assert self.settings.max_tokens is not None
        return self.settings.max_tokens - self._grown

    def add(self, segment: Segment) -> None:
        self.history.append(segment)
        self._grown += grown((segment,))
        self.new.append(segment)
        self.write(segment_event(self.path.name, segment))

    async def run(self, target: int | None) -> Status:
        await self.journal.open()
        limit = self.budget if target is None else min(target, self.budget)
        # Without a further block, a summary that the path begins is part of its thought.
        more_stops = (prompts.SUMMARIZE,) if self.settings.trigger == "model" and target is not None else ()
        self._nudge()
        finish = await self._think(limit, *more_stops)
        grace = min(self.settings.grace or 0, self.budget)
        if finish == "interval" and self.budget > 0 and self._in_paragraph() and not self._in_call():
            begun = len(self.new)
            finish = await self._think(grace, _PARAGRAPH, *more_stops)
            grace -= sum(len(segment["token_ids"]) for segment in self.new[begun:] if segment["kind"] == "thought")
        # Also where the paragraph has ended in the middle of a call, at an empty line of its code.
        if finish == "interval" and self._in_call():
            finish = await self._think(grace, *more_stops, one_call=True)
        if finish == "think_end":
            return await self._answer()
        if finish == "turn_end":
            return await self._ended()
        if self.budget <= 0:
            return await self._force()
        return "active"

    def _in_paragraph(self) -> bool:
        return self.settings.cut == "paragraph" and not self.history[-1]["text"].endswith(_PARAGRAPH)

    def _in_call(self) -> bool:
        return self.path.tools is not None and self.path.tools.pending(self.history)

    async def _think(self, limit: int, *more_stops: str, one_call: bool = False) -> Finish:
        """Think for `limit` generated tokens, or, with `one_call`, until the call is answered that has begun."""
        close_strings, close_ids = self.path.think_end
        finish: Finish = "interval"
        while limit > 0 and self.budget > 0:
            stop = (*close_strings, *more_stops)
            if self._invented < _MAX_INVENTED:
                stop += (prompts.COMMENT,)
            call_strings, call_ids = self.path.tools.stops(self.history) if self.path.tools is not None else ((), ())
            segment, completion = await self._generate(
                "thought", min(limit, self.budget), (*stop, *call_strings), (*close_ids, *call_ids)
            )
            reason = completion.stop_reason
            if completion.ended_turn:
                finish = "turn_end"
            elif reason is not None and (reason in close_ids or reason in close_strings):
                finish = "think_end"
            elif reason == prompts.SUMMARIZE:
                finish = "summarize"
            elif reason == prompts.COMMENT:
                finish = "invented"
            elif reason is not None and (reason in call_strings or reason in call_ids):
                finish = "tool"
            segment["finish"] = finish
            self.add(segment)
            limit -= len(segment["token_ids"])
            if finish == "invented":
                self._invented += 1
                self._insert(prompts.INVENTED_COMMENT)
            elif await self._called(segment, reason):
                if one_call:
                    return "interval"
            elif finish != "tool":
                return finish
            finish = "interval"
        return finish

    async def _called(self, segment: Segment, reason: str | int | None) -> bool:
        """Answer the call that `segment` completes, if it does; whether there is an answer to think about."""
        tools = self.path.tools
        if tools is None or segment.get("finish") not in {"interval", "tool", "turn_end"}:
            return False
        call = tools.find(self.history, reason)
        if call is None:
            return False
        answer = await self.journal.tool_call(
            lambda: tools.answer(
                call, self.history, segment, self.budget, path=self.path.name, config=self.config, write=self.write
            )
        )
        if answer is not None:
            self.add(answer)
        return answer is not None

    def _nudge(self) -> None:
        """Open a block for a path that has read its peers and has called nothing yet."""
        tools = self.path.tools
        if tools is None or not tools.nudge or self.round == 0 or any("tool" in s for s in self.history):
            return
        nudge = self.path.insert("nudge", self.round, tools.nudge)
        if len(nudge["token_ids"]) < self.budget:
            self.add(nudge)

    async def _answer(self) -> Status:
        """The thought is over: write the answer section."""
        assert self.settings.answer_tokens is not None
        segment, completion = await self._generate("answer", self.settings.answer_tokens)
        segment["finish"] = "turn_end" if completion.ended_turn else "cut"
        self.add(segment)
        return await self._ended()

    async def _ended(self) -> Status:
        """The path has said all it wanted; where its answer is not in the box that its prompt demands, ask for it.

        An answer in prose has a vote, but graders read boxes only; it keeps its vote where asking yields nothing.
        """
        path = self.path
        found = find_answer(self.history, path.task)
        if found is not None and (found.boxed or path.task == "free"):
            return "finished"
        thought_open = path.thinking.thinks and not any(
            segment["kind"] == "thought" and segment.get("finish") == "think_end" for segment in self.history
        )
        return await self._ask("\n</think>" if thought_open else "")

    async def _force(self) -> Status:
        """The budget is used up: close the thought and ask for the answer."""
        return await self._ask(prompts.OUT_OF_BUDGET + ("</think>" if self.path.thinking.thinks else ""))

    async def _ask(self, before: str) -> Status:
        task = self.path.task
        assert self.settings.answer_tokens is not None
        self._insert(before + prompts.ANSWERS[task])
        tokens = self.settings.answer_tokens
        boxed = prompts.ANSWERS[task].endswith("{")
        limit, stop = (min(tokens, _BOXED_TOKENS), "\n") if boxed else (tokens, _PARAGRAPH)
        if not await self._say(limit, stop):
            # It began with the line break that ends an answer: once more, from behind it.
            left = limit - len(self.history[-1]["token_ids"])
            if left > 0:
                await self._say(left, stop)
        return "forced"

    async def _say(self, limit: int, stop: str) -> bool:
        """Write an answer, up to `stop`; whether it did not stop before it had said anything."""
        segment, completion = await self._generate("answer", limit, (stop,))
        if completion.ended_turn:
            segment["finish"] = "turn_end"
        else:
            segment["finish"] = "answer" if completion.finish_reason == "stop" else "cut"
        self.add(segment)
        return segment["finish"] != "answer" or bool(segment["text"].strip())

    async def _generate(
        self, kind: Kind, limit: int, stop: tuple[str, ...] = (), stop_ids: tuple[int, ...] = ()
    ) -> tuple[Segment, Completion]:
        def request() -> Awaitable[tuple[Segment, Completion]]:
            return self.path.generate(
                kind, self.history, self.round, limit, stop=stop, stop_token_ids=stop_ids,
                write=self.write, config=self.config,
            )  # fmt: skip

        return await self.journal.request(kind, sent_tokens(self.history), request)

    def _insert(self, text: str, kind: Kind = "nudge") -> None:
        self.add(self.path.insert(kind, self.round, text))
