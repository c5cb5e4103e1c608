"""Data sets: named tasks, files as people have them, rows of the hub, generated questions.

Read in this order:

    problems.py  one question with its gold answer, checked where it is made
    files.py     rows of a local file
    hub.py       rows of the Hugging Face hub
    gym.py       questions that reasoning-gym generates
    datasets.py  `load`: the one door to all of them
"""

from peerleap.evals.data.datasets import TASKS, load
from peerleap.evals.data.problems import DataError, Problem, guess_kind

__all__ = ["TASKS", "DataError", "Problem", "guess_kind", "load"]
