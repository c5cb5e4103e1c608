from peerleap.evals.aha import AHA_WORDS, aha_count
from peerleap.evals.datasets import TASKS, load
from peerleap.evals.extras import MissingExtra
from peerleap.evals.grader_cases import GraderCase, grader_cases
from peerleap.evals.grading import GRADERS, KINDS, Grader, Verdict
from peerleap.evals.metrics import (
    METRICS,
    Graded,
    Tokens,
    majority,
    pass_at_k,
    question_metrics,
    shortest_majority,
)
from peerleap.evals.paired import Difference, McNemar, mcnemar, paired_difference, sign_flip
from peerleap.evals.power import Design, questions_needed, questions_needed_for_votes
from peerleap.evals.problems import DataError, Problem
from peerleap.evals.record_lines import Header, PathRecord, RecordsError
from peerleap.evals.records import Records, read_records
from peerleap.evals.stats import Estimate, cluster_bootstrap, clustered, question_means, wilson

__all__ = [
    "AHA_WORDS",
    "GRADERS",
    "KINDS",
    "METRICS",
    "TASKS",
    "DataError",
    "Design",
    "Difference",
    "Estimate",
    "Graded",
    "Grader",
    "GraderCase",
    "Header",
    "McNemar",
    "MissingExtra",
    "PathRecord",
    "Problem",
    "Records",
    "RecordsError",
    "Tokens",
    "Verdict",
    "aha_count",
    "cluster_bootstrap",
    "clustered",
    "grader_cases",
    "load",
    "majority",
    "mcnemar",
    "paired_difference",
    "pass_at_k",
    "question_means",
    "question_metrics",
    "questions_needed",
    "questions_needed_for_votes",
    "read_records",
    "shortest_majority",
    "sign_flip",
    "wilson",
]
