"""Does a summary state a finding of its path: only such summaries are worth a peer's tokens."""

import re

from peerleap.agents import prompts
from peerleap.graph.settings import TaskName

_TAGS = re.compile(r"</?(?:summarize|comment|think)>|```\w*")
_NUMBER_WORDS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|twice|double|"
    "none|no|even|odd|prime|both|all|never|always|impossible|infinitely"
)
# A number, a relation, a formula, or a word that says how many.
_MATHS = re.compile(
    rf"\d|[=<>\u2264\u2265\u2248\u2260\u2208\u221e\u00bd]|\\[A-Za-z]+|\$|\b(?:{_NUMBER_WORDS})\b|\b[A-Za-z]\b(?=\s+(?:is|are|must))",
    re.IGNORECASE,
)


def has_claim(text: str, question: str, task: TaskName) -> bool:
    """Whether `text` says more than a plan, a tag, the sentence it was begun with, or the question again.

    Args:
        text: a summary, without its template.
        question: the text of the path's prompt.
        task: a finding in `math` has a number, a relation or a formula; elsewhere, any words of its own are one.
    """
    words = _plain(_TAGS.sub(" ", text))
    for sentence in (*prompts.TEMPLATES, *prompts.TRIGGERS_THINKING, *prompts.TRIGGERS_ANSWERING):
        words = words.replace(_plain(sentence), " ")
    words = " ".join(words.split())
    if not re.search(r"\w", words) or (len(words) > 8 and words in _plain(question)):
        return False
    return task != "math" or _MATHS.search(words) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".:")
