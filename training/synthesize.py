"""Traces to learn from: an eval over training questions that keeps every token id."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peerleap.evals import MethodConfig, Plan, Team, load, read_records
from peerleap.training.row_file import RowsError
from peerleap.training.selection import Rules, why_not

METHODS = ("leap", "independent")
"""`leap` makes the traces, `independent` the control set: the same model on the same questions, without peers."""


def trace_plan(
    questions: str,
    *,
    method: str = "leap",
    paths: int = 4,
    settings: Mapping[str, Any] | None = None,
    runs: int = 1,
    seed: int = 0,
    limit: int | None = None,
    data_seed: int | None = None,
    in_flight: int | None = None,
    team: Team | None = None,
) -> Plan:
    """The eval that makes the traces: a `peerleap.evals.Plan` whose records keep ids.

    Args:
        questions: a data set, as `peerleap eval` takes it; not the one that the trained model is measured with.
        method: one of `METHODS`.
        paths: paths of a question.
        settings: settings of the graph (`peerleap.graph.Settings`).
        runs: how often every question is worked on.
        seed: seed of the first run.
        limit: the first so many questions only.
        data_seed: of generated questions, and of the order of options.
        in_flight: most questions at once.
        team: peers with tools or expertise of their own, instead of `paths`; all of one model.

    Raises:
        RowsError: the method, or a form of LeaP block that nothing can be learned from.
        DataError: the questions cannot be used.
    """
    if method not in METHODS:
        raise RowsError(f"method={method!r}: traces are made by {' or '.join(METHODS)}")
    settings = dict(settings or {})
    if settings.get("block_as") == "turns":
        raise RowsError("block_as='turns': such blocks have no <summarize>; leave it out to make traces")
    if team is not None and team.engines:
        raise RowsError(f"team: {', '.join(team.engines)} with a model of its own; rows are of one vocabulary")
    problems = load(questions, limit=limit, seed=data_seed)
    config = MethodConfig(paths=paths, settings=settings, team=team)
    return Plan(questions, problems, method, config, runs=runs, seed=seed, in_flight=in_flight, keep_ids=True)


def outlook(traces: str | Path) -> str:
    """How much of the traces could be trained on by the paper's rules, in one line."""
    _, records = read_records(traces)
    rules = Rules()
    usable = [record for record in records if why_not(record, rules) is None]
    blocks = sum(any(segment["kind"] == "summary" for segment in record.segments) for record in usable)
    questions = len({record.question for record in usable})
    return (
        f"{len(usable)} of {len(records)} paths can be trained on, of {questions} questions; {blocks} of them have "
        "LeaP blocks"
    )
