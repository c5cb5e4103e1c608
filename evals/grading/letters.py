r"""What the letters of two answers say about each other: names, cases, and marks that algebra would drop (`f'`)."""

import re
from dataclasses import replace

from peerleap.graph.answers import Node, Value

_LETTERS = re.compile(r"\\[A-Za-z]+|[A-Za-z]")
_PLAIN_NAME = re.compile(r"[A-Za-z](?:_\{?\w+\}?)?$")
_FUNCTION_NAME = re.compile(r"([A-Za-z])\(")
_OF_ONE_LETTER = re.compile(r"(?P<head>[A-Za-z])(?:\((?P<argument>[a-z])\)|_(?P<index>[a-z]))")
_MARKED = re.compile(
    r"[\dA-Za-z)}]\s?(?:'+(?!\d)|\^\s?\{?\s?T(?![A-Za-z])\}?)|\\ldots(?![A-Za-z])"
    r"|\d_(?:[A-Za-z]|\{[A-Za-z]+\})|\\angle\s?\{?\s?[A-Z]+"
)


def names_clash(gold: Node, answer: Node) -> bool:
    """Whether both sides name one value, and name another one: `y=5` for `x=5`, but not `y=x` for `x=y`."""
    for pattern in (_PLAIN_NAME, _FUNCTION_NAME):
        theirs, ours = pattern.match(gold.name), pattern.match(answer.name)
        if theirs and ours and theirs[0][0] != ours[0][0]:
            return not one_line(gold, answer)
    return False


def one_line(gold: Node, answer: Node) -> bool:
    """Whether both are equations of the same two letters, solved for one of them each."""
    return (
        isinstance(gold, Value)
        and isinstance(answer, Value)
        and len(gold.name) == len(answer.name) == 1
        and gold.name != answer.name
        and answer.name in _LETTERS.findall(gold.tex)
        and gold.name in _LETTERS.findall(answer.tex)
    )


def case_differs(gold: str, answer: str) -> bool:
    """Whether letters differ in nothing but their case: `X` is another name than `x`."""
    theirs, ours = (sorted(set(_LETTERS.findall(text)), key=str.casefold) for text in (gold, answer))
    return theirs != ours and [each.casefold() for each in theirs] == [each.casefold() for each in ours]


def marks_differ(gold: str, answer: str) -> bool:
    r"""Whether one of two expressions has a mark that the other lacks: `f'(x)` and `f(x)`, `5\ldots` and `5`."""
    theirs, ours = ({_mark(found) for found in _MARKED.findall(text)} for text in (gold, answer))
    return theirs != ours


def in_letter_of(gold: Node, answer: Node) -> Node:
    """The answer with the gold answer's letter where each defines one function or sequence: `f(t)=2t` for `f(x)=2x`."""
    theirs, ours = _OF_ONE_LETTER.fullmatch(gold.name), _OF_ONE_LETTER.fullmatch(answer.name)
    if not (theirs and ours and isinstance(answer, Value)) or theirs["head"] != ours["head"]:
        return answer
    one, other = (found["argument"] or found["index"] for found in (theirs, ours))
    if one == other or bool(theirs["index"]) != bool(ours["index"]) or "\\text" in answer.tex:
        return answer
    # Exchanged, not renamed: the x of `f(t)=2x` is another letter than that of `f(x)=2x`.
    exchanged = {one: other, other: one}
    return replace(answer, tex=_LETTERS.sub(lambda found: exchanged.get(found[0], found[0]), answer.tex))


def _mark(found: str) -> str:
    """One spelling: an angle is the same from both of its sides."""
    mark = re.sub(r"[\s{}]", "", found)
    return min(mark, "\\angle" + mark[6:][::-1]) if mark.startswith("\\angle") else mark
