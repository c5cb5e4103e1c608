r"""Whether two answers are the same, as far as their texts say: names, order, units, exact numbers.

What only algebra can decide goes to `math_worker`, value by value, as the two `Task`s that `compare` returns.
"""

import re
from fractions import Fraction
from typing import Any, NamedTuple

from peerleap.evals.grading.letters import case_differs, in_letter_of, marks_differ, names_clash, one_line
from peerleap.graph.answers import (
    ORDERED,
    Answer,
    Group,
    Node,
    Value,
    expression_form,
    node_form,
    squeezed_words,
    unit_ratio,
    value_in_base,
    words_form,
)

Task = str | dict[str, Any]
_SET = re.compile(r"\\(?:cup|cap|mathbb|setminus|emptyset|infty|in|mid)(?![A-Za-z])|\|")
_DEGREES = re.compile(
    r"(?P<number>(?<![\d.])\d+(?:\.\d+)?|(?<![A-Za-z\\])[a-z](?![A-Za-z])|\([^()]*\)"
    r"|\{[^{}]*\})\s?\^\\circ(?![A-Za-z])"
)


class Undecided(NamedTuple):
    """Two answers that only algebra can compare: values, or several of them."""

    gold: Task
    answer: Task


def compare(gold: Answer, answer: Answer, *, lenient: bool) -> bool | Undecided:
    r"""Whether the answer is the gold one, or what is left to algebra.

    Args:
        gold: The gold answer as it was read.
        answer: A path's answer as it was read.
        lenient: A percent or degree sign that the gold answer lacks is a unit, as where all golds are integers and the
            question names the unit. Otherwise `5\%` is 0.05, and no 5.
    """
    if gold.based or answer.based:
        return _same_in_base(gold, answer)
    if gold.modulus and answer.modulus and gold.modulus != answer.modulus:
        return False
    if gold.condition and answer.condition and set(gold.condition.split()) != set(answer.condition.split()):
        return False
    if gold.text == answer.text:
        return True
    ours = in_letter_of(gold.node, answer.node)
    found = _same(gold.node, ours, lenient)
    if found is not None and (not found or ours is answer.node):
        return found
    return Undecided(_task(gold.node, _names(ours)), _task(ours, _names(gold.node)))


def _same(gold: Node, answer: Node, lenient: bool) -> bool | None:
    gold, answer = _only(gold), _only(answer)
    if names_clash(gold, answer):
        return False
    if isinstance(gold, Value) and isinstance(answer, Value):
        return _same_value(gold, answer, lenient)
    if isinstance(gold, Group) and isinstance(answer, Group):
        return _same_group(gold, answer, lenient)
    group, value, swapped = (gold, answer, False) if isinstance(gold, Group) else (answer, gold, True)
    assert isinstance(group, Group)
    assert isinstance(value, Value)
    if group.shape in {"list", "set"} and len(group.items) == 1:
        return _same(value, group.items[0], lenient) if swapped else _same(group.items[0], value, lenient)
    if value.relation or (_SET.search(value.tex) and not value.words):
        return None if group.shape not in {"named", "matrix"} else False
    return False


def _only(node: Node) -> Node:
    """The point or interval that is the only item of a list or set."""
    if not (isinstance(node, Group) and node.shape in {"list", "set"} and len(node.items) == 1):
        return node
    inside = node.items[0]
    return inside if isinstance(inside, Group) and inside.shape in ORDERED else node


def _same_group(gold: Group, answer: Group, lenient: bool) -> bool | None:
    theirs, ours = list(gold.items), list(answer.items)
    if gold.shape == "named" and answer.shape == "named":
        if len(gold.names) != len(answer.names) or gold.names != answer.names:
            return False
        return _all(theirs, ours, lenient)
    if "matrix" in {gold.shape, answer.shape} and (gold.shape != answer.shape or gold.brackets != answer.brackets):
        return False
    if "union" in {gold.shape, answer.shape}:
        spread = gold.shape in {"union", "list"} and answer.shape in {"union", "list"}
        # What touches or overlaps is a matter of algebra: `[0,1] \\cup [1,2]` is `[0,2]`.
        return (_matched(theirs, ours, lenient) if spread else None) or None
    if gold.shape in ORDERED and answer.shape in ORDERED:
        if _closing(gold) != _closing(answer):
            return False
        return _all(theirs, ours, lenient)
    if gold.shape in ORDERED or answer.shape in ORDERED:
        loose = answer if gold.shape in ORDERED else gold
        fixed = gold if gold.shape in ORDERED else answer
        # `2, 3` may stand for the point, in this order; the set and the closed interval are something else.
        return _all(theirs, ours, lenient) if loose.shape == "list" and fixed.shape in {"tuple", "named"} else False
    if "set" in {gold.shape, answer.shape}:
        theirs, ours = _distinct(theirs), _distinct(ours)
    return _matched(theirs, ours, lenient)


def _closing(group: Group) -> str:
    """The brackets where they matter: intervals."""
    return group.brackets if group.shape in {"closed", "half-open"} else ""


def _distinct(items: list[Node]) -> list[Node]:
    return list({node_form(item): item for item in items}.values())


def _all(theirs: list[Node], ours: list[Node], lenient: bool) -> bool | None:
    if len(theirs) != len(ours):
        return False
    found = [_same(one, other, lenient) for one, other in zip(theirs, ours, strict=True)]
    return False if False in found else None if None in found else True


def _matched(theirs: list[Node], ours: list[Node], lenient: bool) -> bool | None:
    """Whether each value has its own among the others, in any order."""
    if len(theirs) != len(ours):
        unions = any(isinstance(item, Value) and (item.relation or _SET.search(item.tex)) for item in (*theirs, *ours))
        return None if unions else False
    undecided = False
    left = list(ours)
    for one in theirs:
        found = [_same(one, other, lenient) for other in left]
        if True in found:
            del left[found.index(True)]
        elif None in found:
            undecided = True
        else:
            return False
    return None if undecided else True


def _same_value(gold: Value, answer: Value, lenient: bool) -> bool | None:
    ratio = unit_ratio(gold.unit, answer.unit)
    if ratio is None:
        return False
    if gold.relation != answer.relation:
        other = answer if gold.relation else gold
        return None if _SET.search(other.tex) and not other.words else False
    if gold.relation:
        return expression_form(gold.tex) == expression_form(answer.tex) or None
    if _equations(gold.name, answer.name) or one_line(gold, answer):
        return None
    if gold.number is not None and answer.number is not None and not answer.sides:
        return _same_number(gold, answer, gold.number, answer.number * ratio, lenient)
    if _sign_missing(gold, answer, lenient):
        return False
    theirs, ours = expression_form(gold.tex), expression_form(answer.tex)
    if theirs == ours and not answer.sides:
        return ratio == 1
    if gold.words or answer.words:
        if gold.number is not None or answer.number is not None:
            return False  # `5?`
        return words_form(squeezed_words(gold.tex)) == words_form(squeezed_words(answer.tex)) and not answer.sides
    if case_differs(gold.tex, answer.tex) or marks_differ(gold.tex, answer.tex) or ratio != 1:
        return False
    return None


def _same_number(gold: Value, answer: Value, theirs: Fraction, ours: Fraction, lenient: bool) -> bool:
    hundredth = Fraction(1, 100)
    if gold.unit == "%" != answer.unit:
        return ours in {theirs, theirs * hundredth}
    if answer.unit == "%" != gold.unit:
        return ours * hundredth == theirs or (lenient and ours == theirs)
    return ours == theirs and not _sign_missing(gold, answer, lenient)


def _sign_missing(gold: Value, answer: Value, lenient: bool) -> bool:
    """Whether the answer is in degrees, where the gold answer is a whole number that names no unit."""
    whole = gold.number is not None and gold.number.denominator == 1
    return answer.unit == "°" and not gold.unit and whole and not lenient


def _equations(gold: str, answer: str) -> bool:
    """Whether what names the values are sides of two equations: `2x-2y = 4` and `x-y = 2`."""
    shared = {letter for letter in gold if letter.isalpha()} & set(answer)
    return gold != answer and bool(shared) and any(re.search(r"[+-]", name) for name in (gold, answer))


def _same_in_base(gold: Answer, answer: Answer) -> bool:
    """Two numbers of which one names its base; a gold with a base and an answer without one compare their digits.

    The question named the base; the value in base ten is not what was asked for.
    """
    if gold.based and answer.based:
        values = value_in_base(gold.based), value_in_base(answer.based)
        return gold.based == answer.based or values[0] == values[1] is not None
    if gold.based:
        plain = re.sub(r"[^0-9A-Za-z]", "", squeezed_words(answer.text)).lstrip("0").upper()
        number = answer.node.number if isinstance(answer.node, Value) else None
        return plain == gold.based[0] and number is not None
    assert answer.based is not None
    number = gold.node.number if isinstance(gold.node, Value) else None
    return number is not None and value_in_base(answer.based) == number


def _names(node: Node) -> set[str]:
    return {node.name} if isinstance(node, Value) else {node.name}.union(*map(_names, node.items))


def _task(node: Node, others: set[str]) -> Task:
    """What algebra compares of one side; `others` are the names on the other one."""
    if isinstance(node, Value):
        if node.whole and any(_equations(node.name, other) for other in others):
            return _radians(node.whole)  # `x-y = 2` and `x+y = 2` are two lines
        whole = node.whole if node.whole and not node.relation else ""
        parts = {"sides": [_radians(side) for side in node.sides], "rough": [_radians(side) for side in node.rough]}
        task: dict[str, Any] = {key: value for key, value in parts.items() if value}
        if whole:
            task["whole"] = whole
        return {"tex": _radians(node.tex), **task} if task else _radians(node.tex)
    items = [_task(item, others) for item in node.items]
    if node.shape == "union":
        return "\\cup ".join(_shown(item) for item in node.items)
    left, right = (
        ("\\{", "\\}") if node.shape == "set" else tuple(node.brackets) if len(node.brackets) == 2 else ("", "")
    )
    return {"ordered": node.shape in ORDERED, "items": items, "open": left, "close": right}


def _shown(node: Node) -> str:
    """TeX of one part of a union."""
    if isinstance(node, Value):
        return node.tex
    inside = ", ".join(_shown(item) for item in node.items)
    return f"\\{{{inside}\\}}" if node.shape == "set" else f"{node.brackets[:1]}{inside}{node.brackets[1:]}"


def _radians(tex: str) -> str:
    """Degrees as the radians that functions take."""
    return _DEGREES.sub(lambda angle: r"{\frac{" + angle["number"].strip("{}") + r"\pi}{180}}", tex)
