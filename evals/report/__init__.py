"""Reports: results files side by side, in tables, sentences and plots.

In reading order:

- `votes`: metrics of one question's records
- `results`: one file: its paths by question and run, its metrics
- `labels`: names for files that would have the same one
- `costs`: two files at equal cost
- `comparison`: two methods at equal cost, with paired statistics
- `cautions`: what limits a comparison
- `paper`: the paper's numbers, where the setup is the same
- `tables`: all of it as rows and as Markdown
- `levels`: results by difficulty
- `sweep`: the points of a sweep, and how steep its curves are
- `figure`: a picture that is whole
- `plots`: accuracy against cost, and along a sweep
"""

from peerleap.evals.report.cautions import cautions, few_runs, measured_power, short_budgets
from peerleap.evals.report.comparison import TESTS, Comparison, check_same, compare
from peerleap.evals.report.costs import COSTS
from peerleap.evals.report.figure import write_figure
from peerleap.evals.report.labels import with_distinct_names
from peerleap.evals.report.levels import (
    LEVEL_HEAD,
    LEVELS,
    LevelRow,
    level_cells,
    level_rows,
    level_sentence,
    levels_markdown,
)
from peerleap.evals.report.paper import PaperNumber, paper_differences, paper_number
from peerleap.evals.report.plots import check_plot, plot, plot_routers, plot_shares, plot_sweep
from peerleap.evals.report.results import Results
from peerleap.evals.report.sweep import (
    SWEEP_HEAD,
    Point,
    Slope,
    slope_sentence,
    slopes,
    sweep_markdown,
    sweep_points,
    sweep_rows,
)
from peerleap.evals.report.tables import (
    METHOD_HEAD,
    comparison_rows,
    markdown,
    method_rows,
    shown_columns,
    table,
    verdict,
)
from peerleap.evals.report.votes import RECORD_METRICS, elected_right

__all__ = [
    "COSTS",
    "LEVELS",
    "LEVEL_HEAD",
    "METHOD_HEAD",
    "RECORD_METRICS",
    "SWEEP_HEAD",
    "TESTS",
    "Comparison",
    "LevelRow",
    "PaperNumber",
    "Point",
    "Results",
    "Slope",
    "cautions",
    "check_plot",
    "check_same",
    "compare",
    "comparison_rows",
    "elected_right",
    "few_runs",
    "level_cells",
    "level_rows",
    "level_sentence",
    "levels_markdown",
    "markdown",
    "measured_power",
    "method_rows",
    "paper_differences",
    "paper_number",
    "plot",
    "plot_routers",
    "plot_shares",
    "plot_sweep",
    "short_budgets",
    "shown_columns",
    "slope_sentence",
    "slopes",
    "sweep_markdown",
    "sweep_points",
    "sweep_rows",
    "table",
    "verdict",
    "with_distinct_names",
    "write_figure",
]
