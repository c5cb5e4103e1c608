"""One reasoning chain: how it writes, and how others write into it."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from peerleap.agents import Peer, Sampling, prompts
from peerleap.engine import (
    Engine,
    SamplingParams,
    StructuredOutputsParams,
    Thinking,
    control_texts,
    decode,
    detect_thinking,
    encode,
    recommended_sampling,
    render_prompt,
    turn_markers,
)
from peerleap.graph.events import discard, token_event, traced
from peerleap.graph.history import Finish, Kind, Segment, history_ids
from peerleap.graph.path.tool_calls import Toolbox, uncontrolled
from peerleap.graph.path.turn import Stops, Turn
from peerleap.graph.seeds import derive_random, derive_seed
from peerleap.graph.settings import RunSettings, TaskName
from peerleap.graph.state import Conversation, Message
from peerleap.tools import LEAP_TAGS, neutralise

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Path:
    """One reasoning chain: who it is, what runs it, and how it writes and inserts segments."""

    name: str
    number: int
    """Its place among all paths, from 1: what its peers call it."""
    peer: Peer
    engine: Engine
    settings: RunSettings
    task: TaskName
    tools: Toolbox | None = None
    """What it may call while it thinks."""

    @property
    def thinking(self) -> Thinking:
        """How its model marks its thought."""
        return detect_thinking(self.engine.tokenizer, self.peer.thinking or self.settings.thinking)

    @property
    def think_end(self) -> Stops:
        """What ends the thought; empty for a model that does not think."""
        thinking = self.thinking
        if not thinking.thinks:
            return {}
        return {thinking.close if thinking.end_id is None else thinking.end_id: "think_end"}

    @property
    def turns(self) -> tuple[str, str] | None:
        """What stands around a user's message, where LeaP blocks are turns; `None` where they are in its thought."""
        if self.thinking.thinks or self.settings.block_as != "turns" or self.settings.trigger == "model":
            return None
        return turn_markers(self.engine.tokenizer)

    @property
    def sampling(self) -> dict[str, Any]:
        """How it samples, as fields of `SamplingParams`.

        Its peer's values, then those of the settings; its model's makers' where either says so.

        Raises:
            ModelError: they are asked for, and cannot be read.
        """
        own, shared = self.peer.sampling, self.settings.sampling
        if own.base is not None:
            found = own.over(_recommended(self.engine.model)).over(shared)
        else:
            found = own.over(shared)
            if found.base is not None:
                found = found.over(_recommended(self.engine.model))
        return found.model_dump(exclude_none=True, exclude={"base"})

    def draw(self, alternatives: Sequence[str], round_number: int, purpose: str) -> str:
        """One of several wordings, by the run's seed."""
        return derive_random(self.settings.seed, self.name, round_number, purpose).choice(alternatives)

    def prompt(self, conversation: Conversation, *, alone: bool) -> Segment:
        """The prompt segment: what was said before, then task, peers, expertise, tools and question in one message.

        `alone`: the path has no LeaP block before it, so that nothing is said of peers.
        """
        form = "plain" if alone else self.settings.prompt
        about = []
        if form == "paper" and self.turns is None:
            about.append(prompts.PEERS_EXAMPLE)
        elif form != "plain":
            about.append(prompts.PEERS_TURNS if self.turns else prompts.PEERS)
        if self.peer.instructions:
            about.append(prompts.EXPERTISE.format(instructions=self.safe(self.peer.instructions)))
        if self.tools is not None and self.tools.hint:
            about.append(self.tools.hint)
        question = f"Question: {self.safe(conversation.question)}"
        content = "\n\n".join([prompts.TASKS[self.task], *about, question])
        earlier = [
            Message(role, self.safe(self._spoken(text) if role == "assistant" else text))
            for role, text in conversation.earlier
        ]
        template_tools = self.tools.template_tools if self.tools is not None else None
        ids = render_prompt(self.engine.tokenizer, content, self.thinking, template_tools, earlier=earlier)
        if form == "paper" and self.thinking.thinks:
            ids = ids + encode(self.engine.tokenizer, prompts.PEERS_PREFILL)
        return Segment(kind="prompt", round=0, token_ids=ids, text=self.decode(ids))

    def _spoken(self, reply: str) -> str:
        """An earlier reply without the thought in it, as the makers' templates drop it; `safe` hides its marks."""
        thinking = self.thinking
        thought, closed, answer = reply.partition(thinking.close.strip())
        marked = thinking.template_opens or thought.lstrip().startswith(thinking.open.strip())
        return answer.strip() if thinking.thinks and closed and marked else reply

    def safe(self, text: str) -> str:
        """Text from a person, with what the tokenizer would take for control tokens broken up."""
        return uncontrolled(self.engine.tokenizer, text)

    def foreign(self, text: str, labels: Sequence[str] = ()) -> str:
        """Text from a peer, made harmless: LeaP's tags, control tokens, tool calls and `labels` are broken up."""
        markers = self.tools.markers if self.tools is not None else control_texts(self.engine.tokenizer)
        return self.safe(_harmless(text, tuple(markers), tuple(labels)))

    def insert(self, kind: Kind, round_number: int, text: str) -> Segment:
        """A segment that the path did not generate; encoded once, here.

        Its text is what the ids say: a tokenizer may normalise characters, and the ids are what the model reads.
        """
        ids = encode(self.engine.tokenizer, text)
        return Segment(kind=kind, round=round_number, token_ids=ids, text=self.decode(ids))

    def decode(self, token_ids: Iterable[int]) -> str:
        """Text of ids, special tokens visible."""
        return decode(self.engine.tokenizer, list(token_ids))

    def session(self, history: Sequence[Segment]) -> str:
        """Name of the path among those of all runs, the same in a fork of its run: it keeps its cache in one place."""
        return f"{derive_seed(self.settings.seed, history[0]['text']):08x}/{self.name}"

    async def generate(
        self,
        kind: Kind,
        history: Sequence[Segment],
        limit: int,
        stops: Stops,
        turn: Turn,
        *,
        at_limit: Finish,
        json_schema: str | None = None,
    ) -> Segment:
        """Let the path write a segment of at most `limit` tokens; its end-of-turn token is not stored.

        Args:
            kind: of the segment.
            history: the path's, whose ids are the request's prompt.
            limit: maximum number of tokens to generate.
            stops: what ends the request, and why then.
            turn: the node's.
            at_limit: why the segment ends where the limit has ended it.
            json_schema: what the segment must fit; its likeliest tokens are then taken.

        Returns:
            The segment, with the reason it ended (`finish`) and what stopped it (`stop`).
        """
        prompt = history_ids(history)
        sampling: dict[str, Any] = self.sampling if json_schema is None else {"temperature": 0.0}
        params = SamplingParams(
            max_tokens=limit,
            stop=tuple(stop for stop in stops if isinstance(stop, str)),
            stop_token_ids=tuple(stop for stop in stops if isinstance(stop, int)),
            seed=derive_seed(self.settings.seed, self.name, len(prompt)),
            logprobs=self.settings.logprobs,
            structured_outputs=None if json_schema is None else StructuredOutputsParams(json=json_schema),
            **sampling,
        )
        session = self.session(history)
        write = turn.write
        on_text = None if write is discard else lambda text: write(token_event(self.name, turn.round, kind, text))
        await self.engine.start()  # the minute that it takes is no request's
        begun = time.perf_counter()
        done = await traced(
            lambda heard: self.engine.generate(prompt, params, session=session, on_text=heard),
            turn.config, engine=self.engine, params=params, path=self.name, kind=kind, round_number=turn.round,
            history=history, on_text=on_text, reasoning=self.thinking.thinks and kind != "answer",
        )  # fmt: skip
        ids, text = done.token_ids, done.text
        if done.ended_turn:
            ids = ids[: -done.end_tokens]
            text = self.decode(ids)
        stop = done.stop_reason if done.finish_reason == "stop" else None
        segment = Segment(
            kind=kind,
            round=turn.round,
            token_ids=ids,
            text=text,
            finish="turn_end" if done.ended_turn else at_limit if stop is None else stops[stop],
            prompt_tokens=done.prompt_tokens,
            cached_tokens=done.cached_tokens,
            seconds=round(time.perf_counter() - begun, 3),
        )
        if done.ended_turn and done.end_tokens != 1:
            segment["dropped"] = done.end_tokens
        if stop is not None:
            segment["stop"] = stop
        if done.logprob is not None:
            segment["logprob"] = done.logprob
        if done.token_confidences is not None:
            segment["confidences"] = done.token_confidences[: len(ids)]
        return segment


@lru_cache(maxsize=64)
def _recommended(model: str) -> Sampling:
    found = recommended_sampling(model)
    if not found:
        _LOG.warning("%r: its makers recommend no sampling values; ours are taken", model)
    return Sampling.model_validate(found)


@lru_cache(maxsize=1024)
def _harmless(text: str, markers: tuple[str, ...], labels: tuple[str, ...]) -> str:
    # Cached, since several peers read the same summary.
    return neutralise(text, (*LEAP_TAGS, *markers), labels=labels)
