"""The last node: every path's own answer, the vote, and where the tokens went."""

from collections.abc import Mapping, Sequence
from typing import Any

from peerleap.graph.answers.own_answer import extract_answer
from peerleap.graph.errors import AllPathsFailed
from peerleap.graph.events.schema import VERSION, Writer
from peerleap.graph.history.segments import Segment
from peerleap.graph.history.usage import path_usage, total_usage
from peerleap.graph.path.path import Path
from peerleap.graph.state import PathOutcome, PathState, Vote
from peerleap.graph.vote import VOTES, Group, group_answers, majority, most_similar


def tally(
    paths: Mapping[str, Path],
    histories: Mapping[str, Sequence[Segment]],
    status: Mapping[str, PathState],
    write: Writer,
) -> dict[str, Any]:
    """Count the answers and sum up the run; the update of the state.

    Raises:
        AllPathsFailed: every path failed; says why each did.
    """
    outcomes = {name: _outcome(path, histories[name], status[name]) for name, path in paths.items()}
    if all(outcome["status"] == "failed" for outcome in outcomes.values()):
        raise AllPathsFailed({name: outcome["error"] or "unknown" for name, outcome in outcomes.items()})
    first = next(iter(paths.values()))
    groups = group_answers(
        {name: outcome["answer"] for name, outcome in outcomes.items()},
        {name: outcome["usage"]["generated"] for name, outcome in outcomes.items()},
        first.task,
    )
    answer = _elect(groups, first)
    votes = [
        Vote(answer=g["answer"], votes=len(g["paths"]), paths=g["paths"], mean_tokens=g["mean_tokens"])
        for g in sorted(groups, key=lambda group: -len(group["paths"]))
    ]
    usage = total_usage({name: outcome["usage"] for name, outcome in outcomes.items()})
    write({"v": VERSION, "type": "usage", "usage": usage})
    write({"v": VERSION, "type": "vote", "answer": answer, "votes": {v["answer"]: v["votes"] for v in votes}})
    return {
        "answer": answer,
        "votes": votes,
        "paths": outcomes,
        "usage": usage,
        "histories": {name: list(histories[name]) for name in paths},
    }


def _elect(groups: Sequence[Group], path: Path) -> str | None:
    if not groups:
        return None
    assert path.settings.vote is not None
    if path.task == "free" and len(majority(groups)["paths"]) * 2 <= sum(len(g["paths"]) for g in groups):
        return most_similar(groups)["answer"]
    return VOTES[path.settings.vote](groups)["answer"]


def _outcome(path: Path, history: Sequence[Segment], state: PathState) -> PathOutcome:
    failed = state["state"] == "failed"
    errors = [segment["text"] for segment in history if segment["kind"] == "error"]
    answer = None if failed else extract_answer(history, path.task)
    return PathOutcome(
        peer=path.peer.name,
        status=state["state"],
        answer=answer,
        error=errors[-1] if errors else None,
        usage=path_usage(history),
    )
