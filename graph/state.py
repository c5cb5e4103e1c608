"""The state of a run: its channels, what comes in, what goes out."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.channels import DeltaChannel, EphemeralValue, UntrackedValue
from langgraph.graph.message import add_messages
from langgraph.managed import RemainingSteps
from langgraph.types import Interrupt
from pydantic import Field
from typing_extensions import TypedDict

from peerleap.graph.history import Evidence, Probe, Segment, Usage, append_segments

INPUT_KEYS = ("question", "messages")

Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message of a conversation, as a chat template takes it."""

    role: Role
    text: str


class Conversation(NamedTuple):
    """What the paths are asked."""

    question: str
    earlier: tuple[Message, ...] = ()
    """What was said before, oldest first: at most one system message, at the beginning, then turns by turns."""


class Summary(TypedDict):
    """What a path shares in one LeaP block."""

    text: str
    """Without tags; empty where the path had nothing to say."""
    tokens: int
    """Tokens generated for it; 0 for a finished path, which writes nothing new."""
    cut: bool
    """It ran into the token limit."""
    evidence: NotRequired[list[Evidence]]
    """What its path has checked with tools; missing where it has checked nothing."""
    no_claim: NotRequired[bool]
    """It states no finding of its path, only a plan or nothing: it is shown, and no peer reads it."""


class PathState(TypedDict):
    """Where a path is."""

    state: str
    """active, finished (it answered), forced (it was made to answer) or failed."""


class BlockRecord(TypedDict):
    """What happened in one LeaP block."""

    round: int
    summaries: dict[str, Summary]
    """By path: those who took part, finished paths included."""
    paths: list[str]
    """Order of the rows and columns of `similarity`."""
    similarity: list[list[float]]
    """Similarity of every two summaries, 0 to 1."""
    routes: dict[str, list[str]]
    """For each reader, whose summaries it read, in order; `person` for a person's comment."""
    edited: NotRequired[list[str]]
    """In a fork: the paths whose peers read an edited summary."""
    hint: NotRequired[str]
    """In a fork: a person's message to every path."""
    probes: NotRequired[dict[str, Probe]]
    """With `talk` `disagree` or `probe`: by path that still thought, what it would have answered. Those that are not in
    `routes` went on undisturbed."""
    majority: NotRequired[str | None]
    """With `probes`: the answer that two paths or more held, and more than any other, finished paths included."""
    share: NotRequired[float]
    """With `probes`: the share of the paths that held the most frequent answer, 0 to 1."""
    stop: NotRequired[Literal["agreement", "novelty"]]
    """`agreement`: the run ended here, since the paths agreed for long enough. `novelty`: this was the last block,
    since nothing in it was new to anybody."""


class Vote(TypedDict):
    """One group of equal answers."""

    answer: str
    votes: int
    paths: list[str]
    mean_tokens: float


class PathOutcome(TypedDict):
    """How one path ended."""

    peer: str
    status: str
    """finished, forced or failed."""
    answer: str | None
    error: str | None
    usage: Usage


class LeapInput(TypedDict, total=False):
    """What a call takes: one of the two."""

    question: str
    messages: list[Any]
    """A conversation in any form that LangChain takes; its last message, a person's, is the question."""


class LeapOutput(TypedDict):
    """What a call gives; an answer-only graph gives `answer`, `votes`, `usage` and `messages`."""

    task: str
    answer: str | None
    votes: list[Vote]
    paths: dict[str, PathOutcome]
    usage: Usage
    rounds: list[BlockRecord]
    histories: dict[str, list[Segment]]
    messages: list[AnyMessage]
    __interrupt__: NotRequired[list[Interrupt]]
    """Instead of an answer, where the run waits for a person (`human_peer`) or was told to stop."""


def append_records(records: Sequence[BlockRecord] | None, writes: Sequence[Sequence[BlockRecord]]) -> list[BlockRecord]:
    """Reducer of the LeaP blocks: append, never change."""
    joined = list(records or ())
    for write in writes:
        joined.extend(write)
    return joined


def merge_status(old: Mapping[str, PathState] | None, new: Mapping[str, PathState]) -> dict[str, PathState]:
    """Reducer of the paths' states: each path writes its own key."""
    return {**(old or {}), **new}


# Append-only channels of which a checkpoint stores what is new, and everything once in many supersteps.
History = Annotated[list[Segment], DeltaChannel(append_segments, snapshot_frequency=1000)]
Records = Annotated[list[BlockRecord], DeltaChannel(append_records, snapshot_frequency=1000)]

# Inputs live for one superstep, or a typo in a later call on the thread would answer the earlier question again.
INPUT: dict[str, Any] = {
    "question": Annotated[str, Field(description="The question that the paths answer."), EphemeralValue],
    "messages": Annotated[
        list[AnyMessage],
        Field(description="Instead of `question`: a conversation; its last message, a person's, is the question."),
        add_messages,
    ],
}
RUN: dict[str, Any] = {
    "problem": str,
    "task": str,
    "params": dict[str, Any],
    "round": int,
    "last_round": bool,
    "status": Annotated[dict[str, PathState], merge_status],
    "rounds": Records,
}
OUTPUT: dict[str, Any] = {
    "task": str,
    "answer": str | None,
    "votes": list[Vote],
    "paths": dict[str, PathOutcome],
    "usage": Usage,
    "rounds": Records,
    "histories": Annotated[dict[str, list[Segment]], UntrackedValue],
    "messages": INPUT["messages"],
}
# What an answer-only graph gives: nothing that grows with the length of the thoughts.
ANSWER = ("answer", "votes", "usage", "messages")


def history_key(path: str) -> str:
    """Name of the channel that holds a path's history."""
    return f"history_{path}"


def schemas(paths: Sequence[str], *, answer_only: bool = False) -> tuple[Any, Any, Any]:
    """State, input and output schema of a graph with these paths."""
    histories = {history_key(path): History for path in paths}
    everything = {**INPUT, **RUN, **OUTPUT, **histories, "remaining_steps": RemainingSteps}
    output = {key: OUTPUT[key] for key in ANSWER} if answer_only else OUTPUT
    return _schema("LeapState", everything), _schema("LeapInput", INPUT), _schema("LeapOutput", output)


def path_schema(path: str) -> Any:
    """What a path node reads: its own history, not its peers'."""
    fields = {key: RUN[key] for key in ("params", "task", "round", "last_round")}
    return _schema(f"Path_{path}", {**fields, history_key(path): History, "remaining_steps": RemainingSteps})


def _schema(name: str, fields: dict[str, Any]) -> Any:
    return TypedDict(name, fields, total=False)  # type: ignore[operator]
