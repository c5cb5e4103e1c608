"""Whether two answers are equal by algebra: what `compare` leaves undecided; runs in `math_worker`'s process only.

Expressions are computed to 60 digits, at several points where they have variables; equations must be multiples of one
another; sets and inequalities are left to math-verify.
"""

import re
from functools import lru_cache
from typing import Any

Task = str | dict[str, Any]
"""TeX of one value, `{"tex", "sides", "rough", "whole"}` of a chain, or `{"ordered", "items"}` of several values."""
_UNLIMITED: Any = {"parsing_timeout": None}
_DECIMAL = re.compile(r"(?<![\d._{,])(\d*)\.(\d+)(?![\d.,]|\s*\^)")
_LETTER = re.compile(
    r"\\(?:alpha|beta|gamma|delta|theta|lambda|mu|text)(?![A-Za-z])|(?<![\\A-Za-z])[A-DF-HJ-Za-df-hj-z](?![A-Za-z])"
)
_DIGITS, _SAME = 60, 45  # computed, and that must agree: numbers that differ are told apart, however close they are
_POINTS = ((0.7391, 0.1733), (1.9271, 0.3119), (-1.3117, 0.2411), (3.1873, -0.4177))


def equal(gold: Task, answer: Task) -> bool:
    """Whether two answers are equal mathematically; `gold` may be a set where `answer` is an inequality."""
    theirs, ours = _items(gold), _items(answer)
    if theirs is None and ours is None:
        return _equal_values(gold, answer)
    if theirs is not None and ours is not None and len(theirs) == len(ours):
        if isinstance(gold, dict) and isinstance(answer, dict) and (gold["ordered"] or answer["ordered"]):
            return all(map(equal, theirs, ours))
        left = list(ours)
        for one in theirs:
            found = next((index for index, other in enumerate(left) if equal(one, other)), None)
            if found is None:
                break
            del left[found]
        else:
            return True
    # Intervals and inequalities: `x<2, x>3` for their union.
    return _verified(_parsed(_joined(gold)), _parsed(_joined(answer)), _joined(gold), _joined(answer))


def _items(task: Task) -> list[Task] | None:
    return task["items"] if isinstance(task, dict) and "items" in task else None


def _joined(task: Task) -> str:
    if isinstance(task, str):
        return task
    if "items" in task:
        return f"{task.get('open', '')}{', '.join(_joined(item) for item in task['items'])}{task.get('close', '')}"
    return str(task.get("whole") or task["tex"])


def _equal_values(gold: Task, answer: Task) -> bool:
    theirs, ours = (task if isinstance(task, str) else str(task["tex"]) for task in (gold, answer))
    if isinstance(answer, dict) and not _agree([side for side in answer.get("sides", ()) if not _LETTER.search(side)]):
        return False
    if _same(theirs, ours, _joined(gold), _joined(answer)) or _same_line(gold, answer):
        return True
    rough = answer.get("rough", ()) if isinstance(answer, dict) else ()
    return any(_same(theirs, each, theirs, each) and _rounds(ours, each) for each in rough)


def _same_line(gold: Task, answer: Task) -> bool:
    """Whether both are equations that say the same: `y-2x = 1` and `y = 2x+1`."""
    if not (isinstance(gold, dict) and isinstance(answer, dict) and gold.get("whole") and answer.get("whole")):
        return False
    from sympy import Eq  # type: ignore[import-untyped,unused-ignore]

    theirs, ours = _first(gold["whole"]), _first(answer["whole"])
    return (
        isinstance(theirs, Eq) and isinstance(ours, Eq) and _proportional(theirs.lhs - theirs.rhs, ours.lhs - ours.rhs)
    )


def _agree(sides: list[str]) -> bool:
    """Whether all sides of a chain of equalities are equal; decimals may be rounded."""
    return all(
        _same(sides[0], side, sides[0], side) or _rounds(sides[0], side) or _rounds(side, sides[0])
        for side in sides[1:]
    )


def _rounds(exact: str, decimal: str) -> bool:
    digits = re.fullmatch(r"\s*-?\d*\.(\d{2,30})\s*", decimal)
    if digits is None:
        return False
    theirs, ours = (_number(_first(text)) for text in (exact, decimal))
    return theirs is not None and ours is not None and bool(abs(theirs - ours) <= 10 ** -len(digits[1]))


def _same(gold: str, answer: str, whole_gold: str, whole_answer: str) -> bool:
    if gold == answer:
        return True
    from sympy import Eq, Expr  # type: ignore[import-untyped,unused-ignore]

    theirs, ours = _first(gold), _first(answer)
    if isinstance(theirs, Eq) or isinstance(ours, Eq):
        gold, answer = whole_gold, whole_answer
        theirs, ours = _first(gold), _first(answer)
        both = isinstance(theirs, Eq) and isinstance(ours, Eq)
        return both and _proportional(theirs.lhs - theirs.rhs, ours.lhs - ours.rhs)
    if theirs is None or ours is None:
        return False
    if isinstance(theirs, Expr) and isinstance(ours, Expr):
        decided = _identical(theirs, ours)
        if decided is not None:
            return decided
    return _verified(_parsed(gold), _parsed(answer), gold, answer)


def _identical(theirs: Any, ours: Any) -> bool | None:
    """Whether two expressions are equal at some points, negative ones too; `None` where they have no values there."""
    theirs, ours = _with_i(theirs), _with_i(ours)
    symbols = sorted(theirs.free_symbols | ours.free_symbols, key=str)
    if not symbols:
        one, other = _number(theirs), _number(ours)
        return None if one is None or other is None else _close(one, other)
    found = []
    for start, step in _POINTS:
        point = {symbol: start + step * index for index, symbol in enumerate(symbols)}
        one, other = _number(theirs, point), _number(ours, point)
        if one is None or other is None:
            continue
        # Left of 0 roots and logarithms choose a branch, which says nothing about the answer.
        if start > 0 or (one.is_real and other.is_real):
            found.append(_close(one, other))
    return all(found) if found else None


def _proportional(theirs: Any, ours: Any) -> bool:
    """Whether two equations say the same: their differences of both sides are multiples of each other."""
    theirs, ours = _with_i(theirs), _with_i(ours)
    symbols = sorted(theirs.free_symbols | ours.free_symbols, key=str)
    if theirs.free_symbols != ours.free_symbols or not symbols:
        return False
    ratios = []
    for start, step in _POINTS:
        point = {symbol: start + step * index for index, symbol in enumerate(symbols)}
        one, other = _number(theirs, point), _number(ours, point)
        if one is None or other is None or _close(other, other * 0) or _close(one, one * 0):
            continue
        ratios.append(one / other)
    return len(ratios) > 1 and all(_close(ratio, ratios[0]) for ratio in ratios)


def _with_i(expression: Any) -> Any:
    """The imaginary unit for the letter that stands for it."""
    from sympy import I

    return expression.subs({symbol: I for symbol in expression.free_symbols if symbol.name == "i"})


def _number(expression: Any, point: dict[Any, float] | None = None) -> Any:
    """A number of 60 digits, or None."""
    from sympy import Expr, Float, Integer, Rational

    if not isinstance(expression, Expr):
        return None
    if point is not None:
        expression = expression.subs({symbol: Rational(str(round(value, 4))) for symbol, value in point.items()})
    if expression.free_symbols:
        return None
    if expression.has(Float):
        expression = expression.replace(lambda part: part.is_Float, lambda part: Rational(str(part)))
    # The odd root of a negative number is the real one.
    expression = expression.replace(_odd_root, lambda part: (-1) ** part.exp.p * (-part.base) ** part.exp)
    if isinstance(expression, (Integer, Rational)):
        return expression
    value = expression.evalf(_DIGITS)
    real, imaginary = value.as_real_imag()
    if not all(part.is_Float or part.is_Rational for part in (real, imaginary)):
        return None
    return value if imaginary != 0 else real


def _odd_root(part: Any) -> bool:
    return bool(part.is_Pow and part.exp.is_Rational and part.exp.q > 1 and part.exp.q % 2 and part.base.is_negative)


def _close(one: Any, other: Any) -> bool:
    from sympy import Abs, Float

    if one.is_Rational and other.is_Rational:
        return bool(one == other)
    scale = Abs(one).evalf(_DIGITS) + Abs(other).evalf(_DIGITS)
    return bool(Abs(one - other).evalf(_DIGITS) <= Float(10, _DIGITS) ** -_SAME * (scale + 1))


def _verified(golds: list[Any], answers: list[Any], gold: str, answer: str) -> bool:
    from math_verify import verify  # type: ignore[import-untyped,unused-ignore]

    golds, answers = _as_set(gold) or golds, _as_set(answer) or answers
    if golds and answers:
        answers = [_united(golds[0], answers[0]), *answers[1:]]
        golds = [_united(answers[0], golds[0]), *golds[1:]]
    return bool(verify(golds, answers, allow_set_relation_comp=True, timeout_seconds=None))


def _as_set(text: str) -> list[Any]:
    """What inequalities joined by words hold for: `x<2 or x>3` a union, `x>2 and x<3` an intersection."""
    from sympy import Intersection, Union

    parts = re.split(r"\s(and|or)\s|\\text\s?\{\s*(and|or)\s*\}|,", text)
    words = {word for word in parts[1::3] + parts[2::3] if word}
    if len(parts) == 1 or len(words) > 1 or not all(re.search(r"[<>]|\\[lg]e|\\in|[\[(]", part) for part in parts[::3]):
        return []
    sets = [found if getattr(found, "is_set", False) else _set_of(found) for found in map(_first, parts[::3])]
    if None in sets:
        return []
    return [Intersection(*sets) if words == {"and"} else Union(*sets)]


def _set_of(relation: Any) -> Any:
    try:
        return relation.as_set()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None


def _united(other: Any, parsed: Any) -> Any:
    """`x<2, x>3` as the union that it means where the other side is one of intervals."""
    from sympy import FiniteSet, Interval, Union

    if not (isinstance(other, Union) and isinstance(parsed, FiniteSet)):
        return parsed
    parts = [part if isinstance(part, Interval) else part.as_set() for part in parsed.args if not part.is_number]
    return Union(*parts) if len(parts) == len(parsed.args) else parsed


def _first(answer: str) -> Any:
    return next((parsed for parsed in _parsed(answer)[:1] if not isinstance(parsed, str)), None)


@lru_cache(maxsize=2048)
def _parsed_once(answer: str) -> tuple[Any, ...]:
    from math_verify import LatexExtractionConfig, parse

    # Boxed only: the fallback would pick any number out of prose. Timeouts are this module's, hence None.
    config = LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)
    return tuple(parse(f"\\boxed{{{_exactly(answer)}}}", [config], **_UNLIMITED))


def _parsed(answer: str) -> list[Any]:
    return list(_parsed_once(answer))


def _exactly(answer: str) -> str:
    """Decimals as fractions: as floats they would lose their last digits."""
    return _DECIMAL.sub(lambda number: f"\\frac{{{int(number[1] + number[2])}}}{{{10 ** len(number[2])}}}", answer)
