"""What communication did (sections 5.1.3 and 5.3 of the paper): types and transitions around LeaP blocks.

In reading order:

- `sources`: the two evals that are read
- `places`: where a path stood before and behind a block
- `probes`: what it would have answered there
- `steps`: the answers around each block
- `changes`: transitions against the same paths alone; cases
- `judge`: types by a judge model and by a person
- `report`: all of it as tables
"""

from peerleap.evals.studies.types.changes import cases, spans, type_shares
from peerleap.evals.studies.types.judge import (
    agreements,
    excerpt,
    judge_plan,
    read_judge,
    read_person,
    readers,
    sample_csv,
)
from peerleap.evals.studies.types.probes import AFTER, types_plan
from peerleap.evals.studies.types.report import (
    CASE_HEAD,
    GAIN_HEAD,
    SPAN_HEAD,
    TYPE_HEAD,
    Types,
    agreement_sentences,
    case_rows,
    cases_markdown,
    cost_sentence,
    find_types,
    gain_rows,
    panels,
    shown_cases,
    span_rows,
    type_rows,
    types_markdown,
)
from peerleap.evals.studies.types.sources import check_model, read_sources
from peerleap.evals.studies.types.steps import Step, probe_tokens, read_steps

__all__ = [
    "AFTER",
    "CASE_HEAD",
    "GAIN_HEAD",
    "SPAN_HEAD",
    "TYPE_HEAD",
    "Step",
    "Types",
    "agreement_sentences",
    "agreements",
    "case_rows",
    "cases",
    "cases_markdown",
    "check_model",
    "cost_sentence",
    "excerpt",
    "find_types",
    "gain_rows",
    "judge_plan",
    "panels",
    "probe_tokens",
    "read_judge",
    "read_person",
    "read_sources",
    "read_steps",
    "readers",
    "sample_csv",
    "shown_cases",
    "span_rows",
    "spans",
    "type_rows",
    "type_shares",
    "types_markdown",
    "types_plan",
]
