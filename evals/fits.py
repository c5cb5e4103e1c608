"""Whether a plan's longest questions fit the context, with all that a method lets a path read."""

from typing import Any, cast

from peerleap.agents import Peer
from peerleap.engine import Engine, detect_thinking, each_once
from peerleap.evals.data import Problem
from peerleap.evals.methods import PathResult, Team, aggregate_question, one_block, revise_question, task_of, team_graph
from peerleap.evals.plan import Plan
from peerleap.graph import Segment, as_settings, resolve_settings

_LONGEST = 8


def check_fits(plan: Plan, engine: Engine) -> str | None:
    """Refuse a plan whose budget does not fit the context, for the longest questions, before a model loads.

    Args:
        plan: The eval.
        engine: The engine that would run it; nothing is started.

    Returns:
        A note where the budget counts what paths read in LeaP blocks, too, although by default it would not: the
        context has no room for both, and paths that do not talk get more tokens of their own.

    Raises:
        SettingsError, InputError: says how many tokens there are.
        EngineError, ModelError: the engine could not start.
    """
    teams = _teams(plan)
    for used in each_once(used for team in teams for used in (engine, *team.engines.values())):
        used.check()
    note = None
    longest = sorted(plan.problems, key=lambda problem: -len(problem.text))[:_LONGEST]
    for problem in longest:
        settings = one_block(plan.config.settings) if plan.method == "leap_s" else plan.config.settings
        context = {**settings, "task": task_of(problem)}
        text = _longest_text(plan, problem, engine)
        for team in teams:
            try:
                prepared = team_graph(team, cast("Any", engine)).run.check({"question": text}, as_settings(context))
            except ValueError as error:
                raise type(error)(f"question {problem.id!r} with {plan.width} paths: {error}") from error
            if prepared.blocks_cut_budget and note is None:
                note = _cut(prepared.update["params"]["max_tokens"], team.engine(team.peers[0], engine))
    return note


def _cut(budget: int, engine: Engine) -> str:
    return (
        f"the budget of {budget:,} tokens counts what a path reads in LeaP blocks, too: the context of "
        f"{engine.context_length:,} may not hold both; paths that do not talk have all of it for themselves. A longer "
        "context, a longer --interval or fewer --rounds leaves it to a path's own tokens"
    )


def _longest_text(plan: Plan, problem: Problem, engine: Engine) -> str:
    """The problem as its last paths read it, with as much of others' text as they are shown."""
    options = plan.config.options
    if "excerpt" not in options:
        return problem.text
    settings = resolve_settings(plan.config.settings, engine)
    # A chat model's reply is its answer, and all of it is shown.
    whole = settings.answer_tokens if detect_thinking(engine.tokenizer).thinks else settings.max_tokens
    filler = _filler(engine, max(options["excerpt"], whole))
    if plan.method == "revise":
        return revise_question(problem, engine, filler, 10**6)
    return aggregate_question(problem, engine, [filler] * options.get("subset", options.get("agents")), 10**6)


def _teams(plan: Plan) -> list[Team]:
    """Those that work together on a question: each alone, where the method's paths do not read each other."""
    if plan.method == "leap_s":
        return [Team((Peer(name="solver", count=plan.config.options["peers"]),))]
    team = plan.config.team or Team((Peer(name="solver", count=plan.width),))
    if plan.method == "leap" or plan.study is not None:
        return [team]
    return [Team((peer.model_copy(update={"count": 1}),), team.engines) for peer in team.peers]


def _filler(engine: Engine, tokens: int) -> PathResult:
    ids = (list(engine.tokenizer.encode(" x y z", add_special_tokens=False)) * tokens)[:tokens]
    return PathResult("filler", "finished", (Segment(kind="answer", round=0, token_ids=ids, text=""),), None)
