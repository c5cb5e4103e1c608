"""Families of models whose templates do not show how they think, and a rule for those that are not listed."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Marks of one family of reasoning models."""

    name: str
    """For people; empty for marks that were found by the rule."""
    signature: str
    """A part of the chat template by which the family is recognised."""
    open: str
    """Text that opens a thought."""
    close: str
    """Text that ends a thought, up to the answer's first character."""
    always: bool = False
    """Every model of the family thinks, whatever its template renders."""


FAMILIES = (
    Family("gpt-oss", "<|channel|>analysis", "<|channel|>analysis<|message|>",
           "<|end|><|start|>assistant<|channel|>final<|message|>", always=True),
    Family("Gemma 4", "<|channel>", "<|channel>thought\n", "<channel|>"),
    Family("Magistral, Ministral", "[THINK]", "[THINK]", "[/THINK]"),
    Family("Command A, Command R7B", "<|START_THINKING|>", "<|START_THINKING|>", "<|END_THINKING|>"),
    Family("EXAONE Deep", "<thought>", "<thought>\n", "</thought>"),
    Family("Seed-OSS", "<seed:think>", "<seed:think>", "</seed:think>", always=True),
    Family("MiniMax M3", "<mm:think>", "<mm:think>", "</mm:think>"),
    Family("Solar Open", "<|begin|>assistant<|think|>", "<|think|>", "<|end|><|begin|>assistant<|content|>",
           always=True),
    Family("Apriel", "[BEGIN FINAL RESPONSE]", "Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]", always=True),
    Family("Granite 3.2", "Here is my thought process:", "Here is my thought process:", "Here is my response:"),
    Family("Sky-T1, OpenThinker", "<|begin_of_thought|>", "<|begin_of_thought|>\n\n", "<|end_of_thought|>"),
    Family("<think>", "</think>", "<think>\n", "</think>"),
)  # fmt: skip
"""Known families, the more particular ones first."""
THOUGHT_ENDS = tuple(dict.fromkeys(family.close for family in FAMILIES if family.close[0] in "<["))
"""What ends a thought in the text of a known family; not the words of one that has no mark."""

_WORDS = r"think|thought|reason|reflect|scratchpad|cot\b|analysis"
_MARK = re.compile(rf"<\|?/?[\w:.|-]*(?:{_WORDS})[\w:.|-]*\|?>|\[/?\w*(?:{_WORDS})\w*\]", re.IGNORECASE)
_START, _END = r"begin_of_|start_of_|begin_|start_|_begin|_start", r"end_of_|end_|_end|/"


def scan_marks(template: str, vocabulary: Collection[str]) -> Iterator[Family]:
    """Pairs of marks that look as if a thought stood between them, such as `<reasoning>` and `</reasoning>`.

    Args:
        template: the chat template, which must know at least one of the two.
        vocabulary: the tokenizer's added tokens.
    """
    mentioned = set(_MARK.findall(template))
    marks = sorted(mentioned | {token for token in vocabulary if _MARK.fullmatch(token)})
    closers = {_base(mark, _END): mark for mark in marks if re.search(_END, mark, re.IGNORECASE)}
    for mark in marks:
        tag = re.fullmatch(r"([<\[])(\w[^|]*)", mark)
        # A template that opens a tag need not mention the one that closes it.
        close = closers.get(_base(mark, _START)) or (f"{tag[1]}/{tag[2]}" if tag else None)
        if mark not in closers.values() and close is not None and mentioned & {mark, close}:
            yield Family("", "", mark + ("\n" if close.startswith("</") else ""), close)


def _base(mark: str, affixes: str) -> str:
    return re.sub(affixes, "", mark.lower(), count=1)
