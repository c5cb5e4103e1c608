"""Data sets: named tasks, files as people have them, rows of the hub, generated questions.

In reading order:

- `problems`: one question with its gold answer, checked where it is made
- `json_rows`: rows as JSON, however they are arranged
- `tables`: rows of a file: JSON, CSV, parquet
- `options`: options, in a column of their own or inside the question
- `spread`: options in a column each
- `gold`: the gold answer, alone or at the end of a worked solution
- `letters`: the option that is called right, however it is named
- `columns`: which column is what
- `files`: all of that: a local file's problems
- `hub`: rows of the Hugging Face hub
- `gym`: questions that reasoning-gym generates
- `datasets`: `load`: the one door to all of them
- `shape_cases`: the files behind docs/data.md
"""

from peerleap.evals.data.datasets import TASKS, load
from peerleap.evals.data.gold import check_golds
from peerleap.evals.data.problems import DataError, Problem, guess_kind

__all__ = ["TASKS", "DataError", "Problem", "check_golds", "guess_kind", "load"]
