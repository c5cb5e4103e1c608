"""Reports: results files side by side, in tables, sentences and plots.

In reading order:

- `votes`: metrics of one question's records
- `results`: one file: its paths by question and run, its metrics
- `labels`: names for files that would have the same one
- `costs`: two files at equal cost
- `comparison`: two methods at equal cost, with paired statistics
- `cautions`: what limits a comparison
- `levels`: results by difficulty
- `paper`: the paper's numbers, where the setup is the same
- `tables`: all of it as rows and as Markdown
- `plots`: accuracy against cost
"""

from peerleap.evals.report.cautions import cautions, measured_power, short_budgets
from peerleap.evals.report.comparison import TESTS, Comparison, check_same, compare
from peerleap.evals.report.costs import COSTS
from peerleap.evals.report.labels import with_distinct_names
from peerleap.evals.report.levels import LEVELS, LevelRow, level_rows
from peerleap.evals.report.paper import PaperNumber, paper_differences, paper_number
from peerleap.evals.report.plots import check_plot, plot, plot_routers
from peerleap.evals.report.results import Results
from peerleap.evals.report.tables import METHOD_HEAD, comparison_rows, markdown, method_rows, shown_columns, verdict
from peerleap.evals.report.votes import RECORD_METRICS, elected_right

__all__ = [
    "COSTS",
    "LEVELS",
    "METHOD_HEAD",
    "RECORD_METRICS",
    "TESTS",
    "Comparison",
    "LevelRow",
    "PaperNumber",
    "Results",
    "cautions",
    "check_plot",
    "check_same",
    "compare",
    "comparison_rows",
    "elected_right",
    "level_rows",
    "markdown",
    "measured_power",
    "method_rows",
    "paper_differences",
    "paper_number",
    "plot",
    "plot_routers",
    "short_budgets",
    "shown_columns",
    "verdict",
    "with_distinct_names",
]
