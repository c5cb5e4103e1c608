from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain_core.runnables import RunnableConfig

from peerleap.agents import Peer, prompts
from peerleap.engine import (
    Completion,
    Engine,
    SamplingParams,
    Thinking,
    control_texts,
    decode,
    detect_thinking,
    encode,
    render_prompt,
    turn_markers,
)
from peerleap.graph.events.emitter import nobody
from peerleap.graph.events.schema import VERSION, Writer
from peerleap.graph.events.tracing import traced
from peerleap.graph.history.segments import Kind, Segment, history_ids
from peerleap.graph.path.tool_calls import Toolbox
from peerleap.graph.seeds import derive_random, derive_seed
from peerleap.graph.settings import Settings, TaskName
from peerleap.tools.untrusted import LEAP_TAGS, neutralise


@dataclass(frozen=True, slots=True)
class Path:
    """One reasoning chain: who it is, what runs it, and how it writes and inserts segments."""

    name: str
    number: int
    """Its place among all paths, from 1: what its peers call it."""
    peer: Peer
    engine: Engine
    settings: Settings
    task: TaskName
    tools: Toolbox | None = None
    """What it may call while it thinks."""

    @property
    def thinking(self) -> Thinking:
        """How its model marks its thought."""
        return detect_thinking(self.engine.tokenizer)

    @property
    def think_end(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Stop strings and stop token ids that end the thought."""
        thinking = self.thinking
        if not thinking.thinks:
            return (), ()
        return ((), (thinking.end_id,)) if thinking.end_id is not None else (("</think>",), ())

    @property
    def turns(self) -> tuple[str, str] | None:
        """What stands around a user's message, where LeaP blocks are turns; `None` where they are in its thought."""
        asked = self.settings
        if self.thinking.thinks or asked.block_as != "turns" or asked.trigger == "model":
            return None
        return turn_markers(self.engine.tokenizer)

    def draw(self, alternatives: Sequence[str], round_number: int, purpose: str) -> str:
        """One of several wordings, by the run's seed."""
        return derive_random(self.settings.seed, self.name, round_number, purpose).choice(alternatives)

    def prompt(self, question: str, *, alone: bool) -> Segment:
        """The prompt segment: task, expertise, question."""
        about = [] if alone else [prompts.PEERS_TURNS if self.turns else prompts.PEERS]
        if self.peer.instructions:
            about.append(prompts.EXPERTISE.format(instructions=self.safe(self.peer.instructions)))
        if self.tools is not None and self.tools.hint:
            about.append(self.tools.hint)
        parts = [prompts.TASKS[self.task], *about, f"Question: {self.safe(question)}"]
        template_tools = self.tools.template_tools if self.tools is not None else None
        ids = render_prompt(self.engine.tokenizer, "\n\n".join(parts), self.thinking, template_tools)
        return Segment(kind="prompt", round=0, token_ids=ids, text=self.decode(ids))

    def safe(self, text: str) -> str:
        """Text from a person, with what the tokenizer would take for control tokens broken up."""
        for control in control_texts(self.engine.tokenizer):
            text = text.replace(control, f"{control[0]} {control[1:]}")
        return text

    def foreign(self, text: str, labels: Sequence[str] = ()) -> str:
        """Text from a peer, made harmless: LeaP's tags, control tokens, tool calls and `labels` are broken up."""
        markers = self.tools.markers if self.tools is not None else control_texts(self.engine.tokenizer)
        return _harmless(text, tuple(markers), tuple(labels))

    def insert(self, kind: Kind, round_number: int, text: str) -> Segment:
        """A segment that the path did not generate; encoded once, here.

        Its text is what the ids say: a tokenizer may normalise characters, and the ids are what the model reads.
        """
        ids = encode(self.engine.tokenizer, text)
        return Segment(kind=kind, round=round_number, token_ids=ids, text=self.decode(ids))

    def decode(self, token_ids: Iterable[int]) -> str:
        """Text of ids, special tokens visible."""
        return decode(self.engine.tokenizer, list(token_ids))

    async def generate(
        self,
        kind: Kind,
        history: Sequence[Segment],
        round_number: int,
        max_tokens: int,
        *,
        stop: tuple[str, ...] = (),
        stop_token_ids: tuple[int, ...] = (),
        write: Writer,
        config: RunnableConfig | None = None,
    ) -> tuple[Segment, Completion]:
        """Let the path write a segment; its end-of-turn token is not kept. `config` is the node's, for tracers."""
        prompt = history_ids(history)
        sampling = self.peer.sampling.over(self.settings.sampling).model_dump(exclude_none=True)
        params = SamplingParams(
            max_tokens=max_tokens,
            stop=stop,
            stop_token_ids=stop_token_ids,
            seed=derive_seed(self.settings.seed, self.name, len(prompt)),
            logprobs=self.settings.logprobs,
            **sampling,
        )
        run = derive_seed(self.settings.seed, history[0]["text"])  # the same in a fork of the run
        session = f"{run:08x}/{self.name}"
        on_text = None if write is nobody else lambda text: write(self._said(kind, round_number, text))
        completion = await traced(
            lambda: self.engine.generate(prompt, params, session=session, on_text=on_text),
            config, engine=self.engine, params=params, path=self.name, kind=kind, round_number=round_number,
            history=history,
        )  # fmt: skip
        ids, text = completion.token_ids, completion.text
        if completion.ended_turn:
            ids = ids[:-1]
            text = self.decode(ids)
        segment = Segment(
            kind=kind,
            round=round_number,
            token_ids=ids,
            text=text,
            prompt_tokens=completion.prompt_tokens,
            cached_tokens=completion.cached_tokens,
        )
        if completion.logprob is not None:
            segment["logprob"] = completion.logprob
        if completion.token_confidences is not None:
            segment["confidences"] = completion.token_confidences[: len(ids)]
        return segment, completion

    def _said(self, kind: Kind, round_number: int, text: str) -> Any:
        return {"v": VERSION, "type": "tokens", "path": self.name, "round": round_number, "kind": kind, "text": text}


@lru_cache(maxsize=1024)
def _harmless(text: str, markers: tuple[str, ...], labels: tuple[str, ...]) -> str:
    # Kept, since several peers read the same summary.
    return neutralise(text, (*LEAP_TAGS, *markers), labels=labels)
