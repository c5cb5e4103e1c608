"""Methods: what runs on a question, LeaP and what it is compared with.

Read in this order:

    base.py         what a method is, what it takes and returns
    paths.py        LeaP graphs as every method runs them, on one checkpoint file
    team.py         paths that differ or call tools
    leap.py         LeaP
    leap_s.py       LeaP-S: groups talk once, one path of each goes on
    independent.py  paths that never hear of each other
    deepconf.py     the same, with votes weighted by confidence
    confidence.py   how sure a model was of a path
    online.py       an engine that ends a path which becomes unsure
    revise.py       paths that rewrite their own solution
    moa.py          mixture of agents
    rsa.py          recursive self-aggregation
    aggregate.py    what an aggregating path reads of others
    budget.py       what a question has spent of its budget
    registry.py     all methods by name, with their options
"""

from peerleap.evals.methods.aggregate import aggregate_question, revise_question
from peerleap.evals.methods.base import Method, MethodConfig, PathResult
from peerleap.evals.methods.leap_s import one_block
from peerleap.evals.methods.paths import task_of
from peerleap.evals.methods.registry import (
    BUDGETED,
    GROWING,
    METHODS,
    OPTIONS,
    PATHS,
    TEAMED,
    check_method,
    method_options,
    paths_at_once,
    voting_paths,
)
from peerleap.evals.methods.team import Team, team_graph

__all__ = [
    "BUDGETED",
    "GROWING",
    "METHODS",
    "OPTIONS",
    "PATHS",
    "TEAMED",
    "Method",
    "MethodConfig",
    "PathResult",
    "Team",
    "aggregate_question",
    "check_method",
    "method_options",
    "one_block",
    "paths_at_once",
    "revise_question",
    "task_of",
    "team_graph",
    "voting_paths",
]
