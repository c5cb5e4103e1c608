"""Evals: a method over a data set into a results file, and results files side by side.

In reading order:

- `data/`: what is asked, with its gold answers
- `grading/`: whether an answer is right
- `stats/`: what one question's paths are worth; intervals, tests, power
- `methods/`: what runs on a question: LeaP and what it is compared with
- `records/`: the results file, one line for each path
- `plan`: one eval, checked before any model loads
- `fits`: whether its longest questions fit the context
- `question`: one question's run
- `runner`: all questions in one continuous batch
- `report/`: results files as tables, sentences and plots
- `studies/`: experiments on what hearing its peers does to a model
- `sweep`: evals at several values of a setting

- `clock`: a question's time across processes that were killed
- `counting`: tokens, while questions still run
- `machine`: versions and hardware
- `duration`: how long an eval will take
- `extras`: optional packages
"""

from peerleap.evals import report, stats
from peerleap.evals.data import TASKS, DataError, Problem, load
from peerleap.evals.duration import forecast, remember
from peerleap.evals.extras import MissingExtra
from peerleap.evals.fits import check_fits
from peerleap.evals.grading import Grader, GraderBroken, Verdict
from peerleap.evals.machine import header
from peerleap.evals.methods import METHODS, OPTIONS, MethodConfig, PathResult, Team
from peerleap.evals.plan import Plan
from peerleap.evals.question import Questions
from peerleap.evals.records import Header, PathRecord, Records, RecordsError, read_records
from peerleap.evals.report import Comparison, Results, compare, markdown
from peerleap.evals.runner import Progress, run_eval
from peerleap.evals.sweep import AXES, Axis, Cell, check_blocks, parse_axis, sweep_cells

__all__ = [
    "AXES",
    "METHODS",
    "OPTIONS",
    "TASKS",
    "Axis",
    "Cell",
    "Comparison",
    "DataError",
    "Grader",
    "GraderBroken",
    "Header",
    "MethodConfig",
    "MissingExtra",
    "PathRecord",
    "PathResult",
    "Plan",
    "Problem",
    "Progress",
    "Questions",
    "Records",
    "RecordsError",
    "Results",
    "Team",
    "Verdict",
    "check_blocks",
    "check_fits",
    "compare",
    "forecast",
    "header",
    "load",
    "markdown",
    "parse_axis",
    "read_records",
    "remember",
    "report",
    "run_eval",
    "stats",
    "sweep_cells",
]
