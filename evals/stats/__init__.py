"""Statistics with the question as the unit.

In reading order:

- `metrics`: one question's paths in numbers: Pass@1, votes, tokens
- `estimates`: means over questions with honest intervals
- `paired`: two methods on the same questions
- `power`: what a design can show
- `aha`: words of doubt
"""

from peerleap.evals.stats.agreement import Agreement, agreement, cohen_kappa
from peerleap.evals.stats.aha import AHA_WORDS, aha_count
from peerleap.evals.stats.estimates import Estimate, cluster_bootstrap, clustered, question_means, wilson
from peerleap.evals.stats.metrics import (
    METRICS,
    Graded,
    Tokens,
    ballot,
    confidence_vote,
    majority,
    pass_at_k,
    question_metrics,
    shortest_majority,
)
from peerleap.evals.stats.paired import Difference, McNemar, mcnemar, paired_difference, sign_flip
from peerleap.evals.stats.power import Design, questions_needed, questions_needed_for_votes

__all__ = [
    "AHA_WORDS",
    "METRICS",
    "Agreement",
    "Design",
    "Difference",
    "Estimate",
    "Graded",
    "McNemar",
    "Tokens",
    "agreement",
    "aha_count",
    "ballot",
    "cluster_bootstrap",
    "clustered",
    "cohen_kappa",
    "confidence_vote",
    "majority",
    "mcnemar",
    "paired_difference",
    "pass_at_k",
    "question_means",
    "question_metrics",
    "questions_needed",
    "questions_needed_for_votes",
    "shortest_majority",
    "sign_flip",
    "wilson",
]
