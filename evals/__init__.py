from peerleap.evals.data.datasets import TASKS, load
from peerleap.evals.data.problems import DataError, Problem
from peerleap.evals.extras import MissingExtra
from peerleap.evals.grading.grader import GRADERS, KINDS, Grader, Verdict
from peerleap.evals.grading.grader_cases import GraderCase, grader_cases
from peerleap.evals.records.file import Records, read_records
from peerleap.evals.records.schema import Header, PathRecord, RecordsError
from peerleap.evals.stats.aha import AHA_WORDS, aha_count
from peerleap.evals.stats.estimates import Estimate, cluster_bootstrap, clustered, question_means, wilson
from peerleap.evals.stats.metrics import (
    METRICS,
    Graded,
    Tokens,
    majority,
    pass_at_k,
    question_metrics,
    shortest_majority,
)
from peerleap.evals.stats.paired import Difference, McNemar, mcnemar, paired_difference, sign_flip
from peerleap.evals.stats.power import Design, questions_needed, questions_needed_for_votes

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
