"""Data sets: named tasks, files as people have them, rows of the hub, generated questions.

Read in this order:

    problems.py    one question with its gold answer, checked where it is made
    tables.py      rows of a file: JSON, CSV, parquet
    columns.py     which column is what
    options.py     options, in a column of their own or inside the question
    gold.py        the gold answer, however it is written
    files.py       all of that: a local file's problems
    hub.py         rows of the Hugging Face hub
    gym.py         questions that reasoning-gym generates
    datasets.py    `load`: the one door to all of them
    shape_cases.py the files behind docs/data.md
"""

from peerleap.evals.data.datasets import TASKS, load
from peerleap.evals.data.gold import check_golds
from peerleap.evals.data.problems import DataError, Problem, guess_kind

__all__ = ["TASKS", "DataError", "Problem", "check_golds", "guess_kind", "load"]
