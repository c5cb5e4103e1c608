"""LeaP blocks as text, in the product's own format, for the traces that a program writes."""

from collections.abc import Sequence
from random import Random

from peerleap.agents import prompts

Part = tuple[str, bool]
"""A text and whether the model is trained to write it."""


def trigger(random: Random) -> Part:
    """What is inserted before a path sums up its progress."""
    text = f"{random.choice(prompts.TRIGGERS_THINKING)}\n{prompts.SUMMARIZE}\n{random.choice(prompts.TEMPLATES)}"
    return text, False


def summary(text: str) -> Part:
    """What a path writes as its summary, with the tag that ends it."""
    return f" {text}\n{prompts.SUMMARIZE_END}", True


def comment(quotes: Sequence[tuple[int, str]], line: str, random: Random) -> Part:
    """What a path reads: its peers' summaries by their numbers, and the last line of its own text."""
    anchor = prompts.ANCHOR.format(line=line)
    if not quotes:
        return f"\n\n{prompts.NO_COMMENT} {anchor}\n\n", False
    texts = [
        prompts.QUOTED.format(label=prompts.PEER_LABEL.format(number=number), text=text) for number, text in quotes
    ]
    bridge = random.choice(prompts.BRIDGES_THINKING)
    quoted = "\n\n".join(texts)
    return f"\n\n{prompts.COMMENT}\n{quoted}\n{prompts.COMMENT_END}\n\n{bridge} {anchor}\n\n", False


def conclusion(answer: str) -> str:
    """What peers read of a path that has finished."""
    return prompts.CONCLUSION.format(answer=answer, text=final(answer).strip())


def final(answer: str) -> str:
    """The answer section."""
    return f"\n\nThe final answer is \\boxed{{{answer}}}."


def forced() -> Part:
    """What is inserted where the budget is used up."""
    return f"{prompts.OUT_OF_BUDGET}</think>{prompts.ANSWERS['math']}", False
