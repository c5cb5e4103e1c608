"""The first node: the settings of the run, and every path's history opened with its prompt."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from langgraph.types import Overwrite

from peerleap.agents import Peer
from peerleap.engine import Engine, begin_start, each_once
from peerleap.graph.answers import detect_task
from peerleap.graph.budget import fit_context, is_alone
from peerleap.graph.defaults import resolve_settings
from peerleap.graph.errors import InputError
from peerleap.graph.history import Segment
from peerleap.graph.leap_block import compile_ahead
from peerleap.graph.path import Path, Toolbox, json_tokens
from peerleap.graph.settings import RunSettings, Settings, as_settings
from peerleap.graph.state import Conversation, history_key

PREPARED = "__peerleap_prepared"
"""Key of a configuration: what the check of a call has prepared. LangGraph stores and traces no key of this form."""

_CHARACTERS = 32
"""More characters than that no token of a text has, on average."""

_LOG = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """A run that can begin."""

    conversation: Conversation
    """What was asked, in full."""
    requested: Settings
    """What the user set."""
    update: dict[str, Any]
    """Of the state."""
    thinking: dict[str, str]
    """By path: how its model marks its thought; empty for one that does not think."""
    sampling: dict[str, dict[str, Any]]
    """By path: how it samples."""
    dropped_turns: int
    """How many of the conversation's oldest turns had no room."""
    blocks_cut_budget: bool
    """Whether the budget counts what paths read in LeaP blocks only because the context has no room beside it."""


def prepare(
    conversation: Conversation,
    context: object,
    peers: Mapping[str, Peer],
    engines: Mapping[str, Engine],
    toolbox: Callable[[str], Toolbox | None] = lambda _path: None,
) -> Prepared:
    """Check the question and the settings against the models, and open every path's history.

    Args:
        conversation: what is asked.
        context: the settings, as the caller passed them.
        peers: by path.
        engines: by path.
        toolbox: gives the tools of a path.

    Raises:
        InputError: the question, or a system message, is too long for a model.
        SettingsError: a setting is unknown, out of range, or does not fit the context; a tool protocol does not suit
            the model.
        EngineError: the engine is not installed or cannot run the model.
        ModelError: there is no such model.
    """
    requested = as_settings(context)
    for engine in each_once(engines.values()):
        engine.check()
        begin_start(engine)  # while the tokenizers are loaded
    settings = resolve_settings(requested, next(iter(engines.values())))
    tools = any(peer.tools for peer in peers.values())
    if tools and requested.budget_counts is None:
        settings = settings.model_copy(update={"budget_counts": "all"})  # results of tools have no other bound
    task = settings.task or detect_task(conversation.question)
    team = {
        name: Path(name, number, peer, engines[name], settings, task, toolbox(name))
        for number, (name, peer) in enumerate(peers.items(), start=1)
    }
    for path in team.values():
        _check_length(conversation, path.engine)
    recent, dropped = _recent(conversation, team)
    alone = is_alone(settings, len(peers))
    prompts = {name: path.prompt(recent, alone=alone) for name, path in team.items()}
    counts = settings.budget_counts
    for name, path in team.items():
        settings = _fit(settings, requested, path, prompts[name], len(peers), tools=tools)
    if settings.similarity == "levenshtein":
        compile_ahead(len(peers))  # while the paths think
    if dropped:
        _LOG.warning("the conversation's %d oldest turns have no room in the context and are left out", dropped)
    update: dict[str, Any] = {history_key(name): Overwrite([prompt]) for name, prompt in prompts.items()}
    update |= {
        "problem": conversation.question,
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
    thinking = {name: path.thinking.marks for name, path in team.items()}
    sampling = {name: path.sampling for name, path in team.items()}
    return Prepared(conversation, requested, update, thinking, sampling, dropped, settings.budget_counts != counts)


def _fit(
    settings: RunSettings, requested: Settings, path: Path, prompt: Segment, paths: int, *, tools: bool
) -> RunSettings:
    def bare_prompt() -> int:
        return len(path.prompt(Conversation(""), alone=is_alone(settings, paths))["token_ids"])

    return fit_context(
        settings, requested, model=path.engine.model, context=path.engine.context_length,
        prompt=len(prompt["token_ids"]), bare_prompt=bare_prompt, paths=paths, tools=tools,
        behind=0 if settings.json_schema is None else json_tokens(path, settings.json_schema),
    )  # fmt: skip


def _check_length(conversation: Conversation, engine: Engine) -> None:
    """Refuse by its characters what no context holds: encoding megabytes takes minutes.

    Raises:
        InputError: the question, or a system message, is too long.
    """
    most = engine.context_length * _CHARACTERS
    system = [turn.text for turn in conversation.earlier if turn.role == "system"]
    for name, text in (("question", conversation.question), *(("messages", text) for text in system)):
        if len(text) > most:
            raise InputError(
                f"{name}: {len(text):,} characters, and {engine.model!r} has a context of {engine.context_length:,} "
                f"tokens; use at most {most:,} characters"
            )


def _recent(conversation: Conversation, team: Mapping[str, Path]) -> tuple[Conversation, int]:
    """The conversation without the oldest turns, where all of them take over half of a path's context.

    Raises:
        InputError: the system message alone takes that much.
    """
    recent = conversation
    seen: set[tuple[int, str]] = set()
    for path in team.values():
        kind = (id(path.engine), path.peer.name)
        if not conversation.earlier or kind in seen:
            continue
        seen.add(kind)
        context = path.engine.context_length
        while sum(len(turn.text) for turn in recent.earlier) > context * _CHARACTERS and any(
            turn.role != "system" for turn in recent.earlier
        ):
            recent = _without_oldest(recent)
        while recent.earlier and len(path.prompt(recent, alone=True)["token_ids"]) > context // 2:
            if recent.earlier[-1].role == "system":
                raise InputError(
                    f"messages: the system message takes over half of the {context} tokens of context of "
                    f"{path.engine.model!r}; shorten it, or set a longer max_model_len"
                )
            recent = _without_oldest(recent)
    return recent, len(conversation.earlier) - len(recent.earlier)


def _without_oldest(conversation: Conversation) -> Conversation:
    """One exchange less: a person's turn and the reply to it."""
    begin = 1 if conversation.earlier[0].role == "system" else 0
    end = begin + 1
    while end < len(conversation.earlier) and conversation.earlier[end].role == "assistant":
        end += 1
    return conversation._replace(earlier=(*conversation.earlier[:begin], *conversation.earlier[end:]))
