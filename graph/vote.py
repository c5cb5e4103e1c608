"""The last node: every path's own answer, the vote, where the tokens went, and the answer as a message."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from typing_extensions import TypedDict

from peerleap.engine import each_once, finish_sessions
from peerleap.graph.answers import ELECTIONS, canonical, classes, extract_answer
from peerleap.graph.errors import AllPathsFailed
from peerleap.graph.events import VERSION, Writer
from peerleap.graph.history import Probe, Segment, path_usage, probes_of, total_usage
from peerleap.graph.leap_block import similarity_matrix
from peerleap.graph.path import JSONAnswer, Path
from peerleap.graph.settings import TaskName
from peerleap.graph.state import BlockRecord, PathOutcome, PathState, Vote

_LOG = logging.getLogger(__name__)
# Enough to tell two answers apart.
_SHORT = 200
_NO_JSON = "no path has found an answer, so there is none to be written as JSON"


class Group(TypedDict):
    """Equal answers."""

    answer: str
    """As the first of its paths wrote it."""
    paths: list[str]
    """Who gave it, in order."""
    mean_tokens: float
    """Mean of the tokens that those paths wrote themselves, without their summaries."""


def group_answers(answers: Mapping[str, str | None], tokens: Mapping[str, int], task: TaskName) -> list[Group]:
    """Group equal answers, in the order of their first path; paths without an answer have no vote."""
    names = list(answers)
    forms = [None if answer is None else canonical(answer, task) for answer in answers.values()]
    return [
        Group(
            answer=str(answers[names[group[0]]]),
            paths=[names[path] for path in group],
            mean_tokens=sum(tokens[names[path]] for path in group) / len(group),
        )
        for group in classes(forms)
    ]


def most_similar(groups: Sequence[Group]) -> Group:
    """For free text, where few answers are equal: the one most similar to all others, each path counted."""
    texts = [canonical(group["answer"], "free") for group in groups]
    matrix = similarity_matrix(texts)
    weights = [len(group["paths"]) for group in groups]
    total = [sum(w * s for w, s in zip(weights, row, strict=True)) for row in matrix]
    return groups[max(range(len(groups)), key=lambda i: total[i])]


def tally(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    records: Sequence[BlockRecord] = (),
) -> dict[str, Any]:
    """Count the answers and sum up the run; the update of the state.

    `records` are the LeaP blocks, whose probes are counted, too.

    Raises:
        AllPathsFailed: every path failed; says why each did.
    """
    outcomes = {name: _outcome(path, histories[name], status[name], records) for name, path in paths.items()}
    if all(outcome["status"] == "failed" for outcome in outcomes.values()):
        raise AllPathsFailed({name: outcome["error"] or "unknown" for name, outcome in outcomes.items()})
    first = next(iter(paths.values()))
    groups = group_answers(
        {name: outcome["answer"] for name, outcome in outcomes.items()},
        {name: own_tokens(outcome["usage"]) for name, outcome in outcomes.items()},
        first.task,
    )
    answer = _elect(groups, first)
    votes = [
        Vote(answer=g["answer"], votes=len(g["paths"]), paths=g["paths"], mean_tokens=g["mean_tokens"])
        for g in sorted(groups, key=lambda group: -len(group["paths"]))
    ]
    usage = total_usage({name: outcome["usage"] for name, outcome in outcomes.items()})
    return {
        "answer": answer,
        "votes": votes,
        "paths": outcomes,
        "usage": usage,
        "histories": {name: list(histories[name]) for name in paths},
    }


def add_json(
    update: dict[str, Any],
    path: Path,
    history: Sequence[Segment],
    records: Sequence[BlockRecord],
    written: JSONAnswer,
) -> dict[str, Any]:
    """The update of `tally` with what the answer as JSON has cost its path."""
    probes = [*probes_of(records, path.name), Probe(answer=written.text, requests=written.requests)]
    outcome: PathOutcome = update["paths"][path.name]
    outcome = {**outcome, "usage": path_usage(history, probes)}
    paths = {**update["paths"], path.name: outcome}
    return {**update, "paths": paths, "usage": total_usage({name: each["usage"] for name, each in paths.items()})}


def announce(update: Mapping[str, Any], write: Writer) -> None:
    """Emit where the tokens of a run went, and its vote."""
    write({"v": VERSION, "type": "usage", "usage": update["usage"]})
    votes = {vote["answer"]: vote["votes"] for vote in update["votes"]}
    write({"v": VERSION, "type": "vote", "answer": update["answer"], "votes": votes})


def elected_path(outcome: Mapping[str, Any]) -> str | None:
    """The first path that gave the answer of a run; `None` where it has none."""
    answer = outcome["answer"]
    return next((vote["paths"][0] for vote in outcome["votes"] if vote["answer"] == answer), None)


async def release(paths: Mapping[str, Path], histories: Mapping[str, Sequence[Segment]]) -> None:
    """Let the engines forget a run's paths, which they keep apart, each where its cache is."""
    for engine in each_once(path.engine for path in paths.values()):
        sessions = [path.session(histories[name]) for name, path in paths.items() if path.engine is engine]
        try:
            await finish_sessions(engine, sessions)
        except Exception as error:  # noqa: BLE001 - the answer is there
            _LOG.warning("sessions of %r could not be released: %s", engine.model, error)


def own_tokens(usage: Mapping[str, Any]) -> int:
    """A path's length for the vote: what it wrote itself, thought and answer."""
    return int(usage["thought"] + usage["answer"])


def elect(groups: Sequence[Group], vote: str) -> Group:
    """The group that wins.

    Args:
        groups: What `group_answers` returns, not empty.
        vote: A name in `ELECTIONS`.
    """
    paths = [path for group in groups for path in group["paths"]]
    lengths = [group["mean_tokens"] for group in groups for _ in group["paths"]]
    numbers = {path: number for number, path in enumerate(paths)}
    return groups[ELECTIONS[vote]([[numbers[path] for path in group["paths"]] for group in groups], lengths)]


def majority(groups: Sequence[Group]) -> Group:
    """The group with the most votes; of equals, the one whose first path comes first."""
    return elect(groups, "majority")


def shortest_majority(groups: Sequence[Group]) -> Group:
    """The group with the most votes over the logarithm of its mean length (Zeng et al., arXiv 2502.12215)."""
    return elect(groups, "shortest_majority")


def _elect(groups: Sequence[Group], path: Path) -> str | None:
    if not groups:
        return None
    most = len(majority(groups)["paths"])
    if path.task == "free" and most * 2 <= sum(len(group["paths"]) for group in groups):
        return most_similar(groups)["answer"]
    return elect(groups, path.settings.vote)["answer"]


def _outcome(path: Path, history: Sequence[Segment], state: PathState, records: Sequence[BlockRecord]) -> PathOutcome:
    failed = state["state"] == "failed"
    errors = [segment["text"] for segment in history if segment["kind"] == "error"]
    answer = None if failed else extract_answer(history, path.task)
    return PathOutcome(
        peer=path.peer.name,
        status=state["state"],
        answer=answer,
        error=errors[-1] if errors else None,
        usage=path_usage(history, probes_of(records, path.name)),
    )


def answer_message(
    outcome: Mapping[str, Any], model: str, *, reasoning: bool = True, as_json: bool = False,
    written: JSONAnswer | None = None,
) -> AIMessage:  # fmt: skip
    """The run's answer as a message: reasoning and token counts where LangChain's own models put them.

    `content_blocks` shows the reasoning, the own thought of the first path that gave the answer. Models that read the
    message as history see the answer only. With `as_json` its content is what is `written`; where that is nothing,
    `refusal` says why, as in OpenAI's messages.
    """
    answer, usage = outcome["answer"], outcome["usage"]
    history = outcome["histories"].get(elected_path(outcome), ()) if reasoning else ()
    thought = "".join(segment["text"] for segment in history if segment["kind"] == "thought")
    more = {"reasoning_content": thought.replace("\x00", "")} if thought else {}
    metadata = {"model_name": model}
    if as_json:
        answer = "" if written is None else written.text
        metadata["finish_reason"] = "length" if written is not None and written.cut else "stop"
        more |= {"refusal": _NO_JSON} if written is None else {}
    return AIMessage(
        content=answer or "",
        name="leap",
        additional_kwargs=more,
        response_metadata=metadata,
        usage_metadata=UsageMetadata(
            input_tokens=usage["prefill"],
            output_tokens=usage["generated"],
            total_tokens=usage["prefill"] + usage["generated"],
            input_token_details=InputTokenDetails(cache_read=usage["cached"]),
            output_token_details=OutputTokenDetails(reasoning=usage["thought"] + usage["summary"]),
        ),
    )


def short_votes(votes: Sequence[Vote]) -> list[Vote]:
    """The votes with long answers cut: those of a free question are whole texts, and there may be many."""
    cut = {vote["answer"]: vote["answer"][: _SHORT - 1] + "…" for vote in votes if len(vote["answer"]) > _SHORT}
    return [Vote(**{**vote, "answer": cut.get(vote["answer"], vote["answer"])}) for vote in votes]
