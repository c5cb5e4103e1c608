"""From how a path ended to its line in the records."""

import re
from collections.abc import Mapping
from typing import Any

from peerleap.evals.data import Problem
from peerleap.evals.grading import Grader, Verdict
from peerleap.evals.methods import PathResult
from peerleap.evals.records.schema import PathRecord
from peerleap.evals.stats import AHA_WORDS, aha_count
from peerleap.graph.answers import own_runs
from peerleap.graph.history import Segment

_SHOWN = frozenset({"summary", "tool", "error"})
_INSERTED = frozenset({"trigger", "comment", "nudge"})
FAILED = Verdict(correct=False, extracted=None, how="failed")


async def path_record(
    path: PathResult,
    problem: Problem,
    grader: Grader,
    *,
    run: int,
    method: str,
    paths: int,
    meta: Mapping[str, Any],
    keep_ids: bool = False,
) -> PathRecord:
    """Grade a path on its own text and sum it up; `paths` is the number of paths of the question in this run.

    With `keep_ids`, every segment has its `token_ids`, and what a path read has its text: training rows are made from
    them, and any account of why a path changed its answer.
    """
    runs = dict(own_runs(path.history))
    text = "\n\n".join(runs.values())
    verdict = await graded_text(text, path.outcome, problem.answer, problem.kind, grader)
    extra: dict[str, Any] = {**meta, **path.meta, "counted": path.counted, "gold": problem.answer, "kind": problem.kind}
    requests: list[Mapping[str, Any]] = [one for probe in path.probes.values() for one in probe["requests"]]
    extra["attended"] = sum(
        [_attended(segment, len(segment["token_ids"])) for segment in path.history]
        + [_attended(request, request["tokens"]) for request in requests]
    )
    if path.probes:
        extra["probes"] = [{"round": number, **probe} for number, probe in path.probes.items()]
    calls = [segment["tool"] for segment in path.history if "tool" in segment]
    if calls:
        extra["tools"] = {"calls": len(calls), "failed": sum(call["status"] != "ok" for call in calls)}
        printed = [call.get("printed", "") for call in calls if call["status"] == "ok"]
        answer = verdict.extracted or path.answer
        # Whole, not as a part of a longer number.
        whole = re.compile(rf"(?<![\w.]){re.escape(answer)}(?![\w]|\.\d)") if answer else None
        extra["checked"] = whole is not None and any(whole.search(text) for text in printed)
    if path.error is not None:
        extra["error"] = path.error
    return PathRecord(
        question=problem.id,
        run=run,
        method=method,
        path=path.name,
        paths=paths,
        outcome=path.outcome,
        verdict=verdict,
        tokens=path.tokens,
        segments=tuple(_summed_up(segment, runs.get(n), keep_ids) for n, segment in enumerate(path.history)),
        aha={name: aha_count(text, name) for name in AHA_WORDS},
        text=text,
        meta=extra,
    )


async def graded_text(text: str, outcome: str, gold: str, kind: str, grader: Grader) -> Verdict:
    """The verdict on what a path wrote itself; a path that failed is wrong, whatever it wrote."""
    return FAILED if outcome == "failed" else await grader.acheck(text, gold, kind)


def _attended(request: Mapping[str, Any], tokens: int) -> int:
    """Pairs of a token that went through the model and a token that it attended to, in one request."""
    if "prompt_tokens" not in request:
        return 0
    end, cached = request["prompt_tokens"] + tokens, request["cached_tokens"]
    return int((end * (end + 1) - cached * (cached + 1)) // 2)


def _summed_up(segment: Segment, own: str | None, keep_ids: bool) -> dict[str, Any]:
    """A segment's line; `own` is the part of the path's own text that begins with it, if one does."""
    line: dict[str, Any] = {"kind": segment["kind"], "round": segment["round"], "tokens": len(segment["token_ids"])}
    copied: Mapping[str, Any] = segment
    copies = ("finish", "sources", "logprob", "seconds", "prompt_tokens", "cached_tokens")
    line |= {key: copied[key] for key in copies if key in copied}
    if own is not None:
        line["chars"] = len(own)
    if "tool" in segment:
        line["tool"] = {key: segment["tool"][key] for key in ("name", "status", "seconds")}
    # Own text has a field of its own; what peers and tools wrote is found nowhere else.
    if segment["kind"] in _SHOWN or (keep_ids and segment["kind"] in _INSERTED):
        line["text"] = segment["text"]
    if keep_ids:
        line["token_ids"] = segment["token_ids"]
    return line
