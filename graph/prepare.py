"""The first node: check the question and the settings, and open every path's history."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Overwrite

from peerleap.agents import Peer, Sampling
from peerleap.engine import Engine, detect_thinking
from peerleap.graph.answers.own_answer import detect_task
from peerleap.graph.defaults import model_defaults
from peerleap.graph.errors import InputError, SettingsError
from peerleap.graph.history.segments import Segment, storable
from peerleap.graph.path.path import Path
from peerleap.graph.path.tool_calls import Toolbox
from peerleap.graph.settings import Settings, as_settings
from peerleap.graph.state import INPUT_KEYS, history_key

# Room that a LeaP block takes beside the summaries: trigger, template, tags, labels (with what code has shown), bridge.
_BLOCK_FRAME = 192
_LABEL, _LABEL_TOOLS = 16, 168

# What a call can be given beside its input, by name.
_OPTIONS = {*signature(CompiledStateGraph.stream).parameters}


def read_question(state: Mapping[str, Any]) -> str:
    """The question, or, where none is given, the last message if a person wrote it.

    Where an agent has handed the conversation over to this graph, which leaves a tool's message at the end, it is the
    person's last message.

    Raises:
        InputError: there is none, or it is empty.
    """
    question, messages = state.get("question"), state.get("messages") or ()
    if question is None and messages:
        last = messages[-1]
        if getattr(last, "type", None) == "tool":
            last = next((message for message in reversed(messages) if message.type == "human"), last)
        if getattr(last, "type", None) != "human":
            raise InputError(f"messages: the last one is from {getattr(last, 'type', last)!r}; it must be a person's")
        question = last.text
    if question is None:
        raise InputError("no question: give {'question': '...'} or {'messages': [...]} with a person's message last")
    text = storable(question) if isinstance(question, str) else ""
    if not text.strip():
        raise InputError(f"question={question!r}: give a text that is not empty")
    return text


def check_input(given: object, *, nested: bool) -> None:
    """Refuse a call with unknown keys, or without a question, before anything is stored.

    A parent graph hands its whole state to a subgraph, so foreign keys are refused only where we are called directly.

    Raises:
        InputError: names the key and what would be right.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"input={given!r}: give a mapping such as {{'question': '...'}}")
    for key in () if nested else given:
        if key not in INPUT_KEYS:
            close = get_close_matches(str(key), INPUT_KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, INPUT_KEYS))}"
            raise InputError(f"input key {key!r} is unknown; {hint}")
    read_question({"question": given.get("question"), "messages": as_messages(given)})


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what LangGraph would drop, so that the run would be another one than was asked for.

    Raises:
        InputError: an argument of the call is misspelt.
        SettingsError: a setting is given as an argument.
    """
    settings = {*Settings.model_fields, *Sampling.model_fields}
    for name, value in options.items():
        if name in _OPTIONS or not (close := get_close_matches(name, {*_OPTIONS, *settings}, n=1, cutoff=0.8)):
            continue
        if close[0] in settings:
            given = {close[0]: value} if close[0] in Settings.model_fields else {"sampling": {close[0]: value}}
            raise SettingsError(f"{name}={value!r}: settings are given as context={given!r}")
        raise InputError(f"a call has no argument {name!r}; did you mean {close[0]!r}?")


def as_messages(given: Mapping[str, Any]) -> list[BaseMessage]:
    """The messages of an input, in whichever form LangChain takes them.

    Raises:
        InputError: they are no messages.
    """
    messages = given.get("messages") or []
    try:
        return convert_to_messages(messages if isinstance(messages, list) else [messages])
    except (NotImplementedError, ValueError) as error:
        raise InputError(f"messages={messages!r}: {error}") from error


def resolve_settings(context: object, engine: Engine) -> Settings:
    """Every setting's value: the caller's, else the preset's, else the one that suits the model."""
    settings = as_settings(context)
    thinks = detect_thinking(engine.tokenizer).thinks
    return settings.over(model_defaults(settings, model=engine.model, thinks=thinks))


def prepare(
    state: Mapping[str, Any],
    context: object,
    peers: Mapping[str, Peer],
    engines: Mapping[str, Engine],
    toolbox: Callable[[str], Toolbox | None] = lambda _path: None,
) -> dict[str, Any]:
    """State of a run that begins; `toolbox` gives the tools of a path.

    Raises:
        InputError: no question, or one that is too long for a model.
        SettingsError: a setting is unknown, out of range, or does not fit the context; a tool protocol does not suit
            the model.
        EngineError: the engine is not installed or cannot run the model.
        ModelError: there is no such model.
    """
    question = read_question(state)
    asked = as_settings(context)
    for engine in {id(engine): engine for engine in engines.values()}.values():
        engine.check()
    settings = resolve_settings(asked, next(iter(engines.values())))
    task = settings.task or detect_task(question)
    update: dict[str, Any] = {}
    for number, (name, peer) in enumerate(peers.items(), start=1):
        path = Path(name, number, peer, engines[name], settings, task, toolbox(name))
        prompt = path.prompt(question, alone=len(peers) == 1 or settings.rounds == 0)
        tools = any(peer.tools for peer in peers.values())
        settings = fit_context(settings, asked, path, prompt, len(peers), tools=tools)
        update[history_key(name)] = Overwrite([prompt])
    return {
        **update,
        "problem": question,
        "task": task,
        "params": settings.model_dump(mode="json"),
        "round": 0,
        # A thread may come from a graph with other paths.
        "status": Overwrite({name: {"state": "active"} for name in peers}),
        "rounds": Overwrite([]),
        "answer": None,
        "votes": [],
        "paths": {},
    }


def fit_context(
    settings: Settings, asked: Settings, path: Path, prompt: Segment, paths: int, *, tools: bool = False
) -> Settings:
    """Settings with a budget that the path's context has room for.

    Raises:
        InputError: the question leaves no room to reason in.
        SettingsError: no question would, or a budget that was asked for does not fit.
    """
    context, taken = path.engine.context_length, len(prompt["token_ids"])
    reserve = _reserve(settings, paths, _LABEL_TOOLS if tools else _LABEL)
    room = context - taken - reserve
    if room < 1:
        bare = len(path.prompt("", alone=paths == 1 or settings.rounds == 0)["token_ids"])
        raise _no_room(path.engine.model, context, taken, bare, reserve, alone=_alone(settings, paths))
    return _fit(settings, asked, path, room)


def _no_room(model: str, context: int, taken: int, bare: int, reserve: int, *, alone: bool) -> Exception:
    """What to say where a prompt of `taken` tokens does not fit; `bare` are its tokens without the question."""
    if bare + 1 >= context:
        return SettingsError(
            f"max_model_len: {model!r} has a context of {context} tokens, and a prompt without any question takes "
            f"{bare}; set a longer one, or use another model"
        )
    if alone:
        names, less, grown = "answer_tokens", "answer_tokens", "an answer"
    else:
        names, less = "top_k, summary_tokens, answer_tokens", "top_k, summary_tokens or answer_tokens"
        grown = "a LeaP block and an answer"
    if bare + reserve + 1 >= context:
        return SettingsError(
            f"{names}: {grown} may take {reserve} tokens, which with a prompt leaves no room to reason in the "
            f"{context} tokens of context of {model!r}; set less of them, or a longer max_model_len"
        )
    return InputError(
        f"question: its prompt takes {taken} tokens, which leaves no room to reason in the {context} tokens of context "
        f"of {model!r}; ask a shorter question" + (f", or set less {less}" if taken < context // 2 else "")
    )


def _reserve(settings: Settings, paths: int, label: int) -> int:
    """Tokens that a path may grow past its budget: one LeaP block and an answer."""
    assert settings.summary_tokens is not None
    assert settings.top_k is not None
    assert settings.answer_tokens is not None
    if _alone(settings, paths):
        return settings.answer_tokens + _BLOCK_FRAME
    others = paths - 1 + settings.human_peer
    read = others if settings.router == "all" else min(settings.top_k, others)
    return settings.answer_tokens + _BLOCK_FRAME + settings.summary_tokens + read * (settings.summary_tokens + label)


def _alone(settings: Settings, paths: int) -> bool:
    """Whether a path neither sums up nor hears anybody."""
    return (paths == 1 and not settings.human_peer) or settings.rounds == 0


def _fit(settings: Settings, asked: Settings, path: Path, room: int) -> Settings:
    """Shrink a default budget to the context; refuse an explicit one that does not fit."""
    assert settings.max_tokens is not None
    if settings.max_tokens <= room:
        return settings
    if asked.max_tokens is not None or asked.preset is not None:
        raise SettingsError(
            f"max_tokens={settings.max_tokens}: with this question, {path.engine.model!r} has room for {room} "
            f"(context of {path.engine.context_length}); set max_tokens to at most {room}"
        )
    return settings.model_copy(update={"max_tokens": room})
