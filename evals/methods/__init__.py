"""Methods: what runs on a question, LeaP and what it is compared with.

In reading order:

- `base`: what a method is, what it takes and returns
- `paths`: LeaP graphs as every method runs them, on one checkpoint file
- `team`: paths that differ or call tools
- `leap`: LeaP
- `leap_s`: LeaP-S: groups talk once, one path of each goes on
- `independent`: paths that never hear of each other
- `probe`: the same, ended when their vote is clear
- `deepconf`: the same, with votes weighted by confidence
- `confidence`: how sure a model was of a path
- `online`: an engine that ends a path which becomes unsure
- `revise`: paths that rewrite their own solution
- `moa`: mixture of agents
- `rsa`: recursive self-aggregation
- `aggregate`: what an aggregating path reads of others
- `budget`: what a question has spent of its budget
- `registry`: all methods by name, with their options
"""

from peerleap.evals.methods.aggregate import aggregate_question, revise_question
from peerleap.evals.methods.base import Method, MethodConfig, PathResult, Study
from peerleap.evals.methods.leap_s import one_block
from peerleap.evals.methods.paths import Chains, chains, task_of
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
    "Chains",
    "Method",
    "MethodConfig",
    "PathResult",
    "Study",
    "Team",
    "aggregate_question",
    "chains",
    "check_method",
    "method_options",
    "one_block",
    "paths_at_once",
    "revise_question",
    "task_of",
    "team_graph",
    "voting_paths",
]
