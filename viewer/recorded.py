"""A question's run as an eval's records hold it, put together as a run: what nobody has kept is missing."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from peerleap.agents import prompts
from peerleap.evals import PathRecord
from peerleap.evals.stats import majority
from peerleap.graph import TaskName
from peerleap.graph.leap_block import similarity_matrix

_TASKS: dict[str, TaskName] = {"choice": "choice", "text": "free"}


def recorded_run(
    lines: Sequence[PathRecord], question: str, settings: dict[str, Any] | None = None, *, blocks: bool = True
) -> dict[str, Any]:
    """The run of one question, as `run_rows` takes it.

    Args:
        lines: the question's paths, in order.
        question: its text.
        settings: of the eval.
        blocks: whether the LeaP blocks are put together, too: their similarities take time.

    Returns:
        The run. The summaries of paths that had ended are not in it, nor are inserted texts, unless the eval was run
        with `--keep-ids`.
    """
    histories = {line.path: _history(line) for line in lines}
    summed_up = (s["round"] for line in lines for s in line.segments if s["kind"] == "summary")
    probed = {line.path: {one["round"]: one for one in line.meta.get("probes", ())} for line in lines}
    probing = (number for rounds in probed.values() for number in rounds)
    count = 1 + max([*summed_up, *probing], default=-1) if blocks else 0
    kind = (settings or {}).get("similarity") or "levenshtein"
    winner = majority([line.graded for line in lines if line.meta.get("counted", True)])
    return {
        "question": question,
        "task": _TASKS.get(lines[0].kind, "math"),
        "settings": dict(settings or {}),
        "state": "ended",
        "answer": None if winner is None else _written(lines, winner.vote),
        "votes": _votes(lines),
        "paths": {line.path: _outcome(line) for line in lines},
        "rounds": [_block(histories, number, kind, probed) for number in range(count)],
        "histories": histories,
    }


def _history(line: PathRecord) -> list[dict[str, Any]]:
    """The segments with the path's own text put back into its places."""
    history, at, text = [], 0, line.text or ""
    placed = any("chars" in segment for segment in line.segments)
    for number, segment in enumerate(line.segments):
        one = dict(segment)
        if "chars" in segment:
            one["text"] = text[at : at + segment["chars"]]
            at += segment["chars"] + 2
        elif not placed and number + 1 == len(line.segments) and segment["kind"] in {"thought", "answer"}:
            one["text"] = text  # an older file
        elif segment["kind"] in {"thought", "answer"} and placed:
            one["text"] = ""  # goes on from the segment before it
        history.append(one)
    return [{"text": "", **one} if one["kind"] in {"thought", "answer", "nudge"} else one for one in history]


def _block(
    histories: dict[str, list[dict[str, Any]]], number: int, kind: str, probed: dict[str, dict[int, Any]]
) -> dict[str, Any]:
    summaries: dict[str, Any] = {}
    routes: dict[str, list[str]] = {}
    for path, history in histories.items():
        here = [segment for segment in history if segment["round"] == number]
        for segment in here:
            if segment["kind"] == "summary":
                text = str(segment.get("text", "")).partition(prompts.SUMMARIZE_END)[0].strip()
                summaries[path] = {"text": text, "tokens": segment["tokens"], "cut": segment.get("finish") == "cut"}
                routes[path] = []
        for segment in here:
            if segment["kind"] == "comment" and path in routes:
                routes[path] = list(segment.get("sources", ()))
    names = list(summaries)
    matrix = similarity_matrix([summaries[name]["text"] for name in names], kind)
    record = {"round": number, "summaries": summaries, "paths": names, "similarity": matrix, "routes": routes}
    probes = {path: rounds[number] for path, rounds in probed.items() if number in rounds}
    return {**record, "probes": probes} if probes else record


def _outcome(line: PathRecord) -> dict[str, Any]:
    tokens, summed = line.tokens, Counter[str]()
    for segment in line.segments:
        summed[segment["kind"]] += segment["tokens"]
    usage = {"prompt": summed["prompt"], "thought": tokens.own - summed["answer"], "summary": tokens.summary,
             "answer": summed["answer"], "generated": tokens.generated, "inserted": tokens.inserted,
             "requests": sum("finish" in segment for segment in line.segments), "prefill": tokens.prefill,
             "cached": tokens.cached}  # fmt: skip
    status = "finished" if line.outcome == "dropped" else line.outcome
    return {"peer": None, "status": status, "answer": line.verdict.extracted, "error": line.meta.get("error"),
            "usage": usage}  # fmt: skip


def _votes(lines: Sequence[PathRecord]) -> list[dict[str, Any]]:
    counted = [line for line in lines if line.meta.get("counted", True) and line.graded.vote is not None]
    groups = Counter(line.graded.vote for line in counted)
    return [{"answer": _written(counted, vote), "votes": count} for vote, count in groups.most_common()]


def _written(lines: Sequence[PathRecord], vote: object) -> str | None:
    """An answer as the first path of its group wrote it."""
    return next((line.verdict.extracted for line in lines if line.graded.vote == vote), None)
