"""A path's own answer: where it stands, what it says, and which answers are equal. The vote and the graders use it.

In reading order:

- `own_text`: what a path wrote itself, for the vote, the graders, summaries and aggregates
- `boxed`: the boxes of a text
- `own_answer`: the answer that a path gave, in a box or in prose
- `choices`: the letter that a path settles on
- `task`: what kind of question it is
- `signs`, `tex`, `remarks`: an answer without what only changes its looks
- `numbers`, `bases`, `units`: exact numbers, numbers that name their base, the words after a number
- `nodes`, `split`, `intervals`, `words`, `reading`: what an answer says: its values, their order, names and units
- `normalize`: one form for answers that are written differently
- `election`: who wins a vote
"""

from peerleap.graph.answers.bases import parse_based, value_in_base
from peerleap.graph.answers.boxed import boxed_answers, boxes, last_box
from peerleap.graph.answers.choices import choice_letter
from peerleap.graph.answers.election import ELECTIONS, classes, majority, shortest_majority
from peerleap.graph.answers.nodes import ORDERED, Answer, Group, Node, Value
from peerleap.graph.answers.normalize import expression_form, node_form, squeezed_words, words_form
from peerleap.graph.answers.own_answer import Found, canonical, extract_answer, find_answer
from peerleap.graph.answers.own_text import answer_section, own_runs, own_text, without_comments
from peerleap.graph.answers.reading import parse_integer, read_answer
from peerleap.graph.answers.task import detect_task
from peerleap.graph.answers.tex import plain_tex
from peerleap.graph.answers.units import unit_ratio

__all__ = [
    "ELECTIONS",
    "ORDERED",
    "Answer",
    "Found",
    "Group",
    "Node",
    "Value",
    "answer_section",
    "boxed_answers",
    "boxes",
    "canonical",
    "choice_letter",
    "classes",
    "detect_task",
    "expression_form",
    "extract_answer",
    "find_answer",
    "last_box",
    "majority",
    "node_form",
    "own_runs",
    "own_text",
    "parse_based",
    "parse_integer",
    "plain_tex",
    "read_answer",
    "shortest_majority",
    "squeezed_words",
    "unit_ratio",
    "value_in_base",
    "without_comments",
    "words_form",
]
