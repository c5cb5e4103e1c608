"""One reply of a graph to a conversation: the pieces of its reasoning while they come, then the run's output."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables import RunnableConfig

from peerleap.agents import Sampling
from peerleap.engine import control_texts, detect_thinking
from peerleap.graph.chat.marks import Unmarked
from peerleap.graph.chat.transcript import Piece, Thoughts, Transcript
from peerleap.graph.compiled import CompiledLeapGraph, LeapGraph
from peerleap.graph.settings import Settings, as_settings
from peerleap.graph.state import LeapOutput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


def check_reply(graph: CompiledLeapGraph, messages: Sequence[Any], settings: Settings) -> None:
    """Refuse what a run would refuse, before it begins; reads the model's files the first time.

    Raises:
        InputError: no question, or one that is too long for the model.
        SettingsError: a setting does not suit the graph or its model.
        EngineError: the engine cannot run.
        ModelError: there is no such model.
    """
    _leap(graph).run.check({"messages": list(messages)}, settings)


def merged(base: Settings | Mapping[str, Any] | None, over: Mapping[str, Any]) -> Settings:
    """Settings with others on top of them; the fields of `sampling` one by one.

    Raises:
        SettingsError: a setting is unknown or out of range.
    """
    first, second = as_settings(base), as_settings(dict(over))
    sampling: Sampling = second.sampling.over(first.sampling)
    return as_settings({**first.model_dump(exclude_unset=True), **second.model_dump(exclude_unset=True),
                        "sampling": sampling.model_dump(exclude_none=True)})  # fmt: skip


def reply(
    graph: CompiledLeapGraph,
    messages: Sequence[Any],
    settings: Settings,
    transcript: Transcript,
    config: RunnableConfig | None = None,
) -> Iterator[Piece | LeapOutput]:
    """Run the graph: the pieces of the reasoning, and at the end the output.

    Args:
        graph: compiled, without a checkpointer.
        messages: the conversation, a person's message last.
        settings: of the run.
        transcript: a new one of this graph (`transcript_of`); it counts the tokens of a run that is left, too.
        config: LangChain's.

    Raises:
        InputError: no question, or one that is too long for the model.
        SettingsError: a setting does not suit the graph or its model.
        AllPathsFailed: no path could go on.
    """
    out = None
    parts = graph.stream({"messages": list(messages)}, config, context=settings, stream_mode=["custom", "values"])
    with closing(cast("Generator[Any]", parts)):
        for mode, part in parts:
            if mode == "values":
                out = part
            else:
                yield from transcript.feed(part)
    assert out is not None
    yield out


async def areply(
    graph: CompiledLeapGraph,
    messages: Sequence[Any],
    settings: Settings,
    transcript: Transcript,
    config: RunnableConfig | None = None,
) -> AsyncIterator[Piece | LeapOutput]:
    """As `reply`."""
    out = None
    parts = graph.astream({"messages": list(messages)}, config, context=settings, stream_mode=["custom", "values"])
    async with aclosing(cast("AsyncGenerator[Any]", parts)):
        async for mode, part in parts:
            if mode == "values":
                out = part
            else:
                for piece in transcript.feed(part):
                    yield piece
    assert out is not None
    yield out


def transcript_of(graph: CompiledLeapGraph, thoughts: Thoughts) -> Transcript:
    """A transcript for a run of a graph; loads the tokenizers of its models the first time."""
    engines = _leap(graph).run.engines
    return Transcript(thoughts, {path: control_texts(engine.tokenizer) for path, engine in engines.items()})


def elected_thought(graph: CompiledLeapGraph, out: Mapping[str, Any]) -> str:
    """The own thought of the first path that gave the answer, without the marks around it; empty without an answer."""
    thought = str(out["messages"][-1].additional_kwargs.get("reasoning_content", ""))
    marks: set[str] = set()
    for engine in set(_leap(graph).run.engines.values()):
        thinking = detect_thinking(engine.tokenizer)
        marks |= {*control_texts(engine.tokenizer), thinking.open, thinking.close}
    clean = Unmarked(marks)
    return (clean.feed(thought) + clean.end()).strip()


def cut_at(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings, without it."""
    return text[: min((at for stop in stops if stop and (at := text.find(stop)) >= 0), default=len(text))]


def finish_reason(out: Mapping[str, Any]) -> str:
    """OpenAI's: `length` where no path has found an answer, or where its JSON was cut, else `stop`."""
    found = out["messages"][-1].response_metadata.get("finish_reason")
    return str(found or ("stop" if out["answer"] is not None else "length"))


def leap_fields(out: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's output says beyond its answer, without histories; can be written as JSON."""
    paths = {
        name: {"status": outcome["status"], "answer": outcome["answer"]}
        for name, outcome in out.get("paths", {}).items()
    }
    last = (out.get("rounds") or [{}])[-1]
    return {
        **({"stopped": last["stop"]} if "stop" in last else {}),
        "answer": out["answer"],
        "votes": {vote["answer"]: vote["votes"] for vote in out["votes"]},
        "paths": paths,
        "blocks": len(out.get("rounds", ())),
        "usage": dict(out["usage"]),
    }


def _leap(graph: CompiledLeapGraph) -> LeapGraph:
    assert isinstance(graph.builder, LeapGraph)
    return graph.builder
