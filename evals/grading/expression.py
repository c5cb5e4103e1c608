"""Arithmetic expressions, as in Countdown: parsed, never evaluated as text; each number of the gold one used once."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

_LONGEST = 200
_SIGNS = {
    "\\times": "*", "\\cdot": "*", "\\div": "/", "\\left": "", "\\right": "", "\\,": "", "\\ast": "*",
    "∗": "*", "×": "*", "·": "*", "÷": "/",
    "−": "-", "$": "", "[": "(", "]": ")",
}  # fmt: skip
_FRACTION = re.compile(r"\\[dtc]?frac\s?\{([^{}]*)\}\s?\{([^{}]*)\}")
_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def read_expression(text: str) -> tuple[Fraction, list[int]] | None:
    """Value and sorted numbers of an expression of whole numbers with + - * / and brackets.

    Args:
        text: The expression, with Python's signs or TeX's; what follows an equals sign is not read.

    Returns:
        `None` for anything else, a division by zero, and more than 200 characters.
    """
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    while (reduced := _FRACTION.sub(r"((\1)/(\2))", text)) != text:
        text = reduced
    text = text.partition("=")[0].strip()
    if not text or len(text) > _LONGEST:
        return None
    numbers: list[int] = []
    try:
        value = _value(ast.parse(text, mode="eval").body, numbers)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None
    return value, sorted(numbers)


def same_puzzle(answer: str, gold: str) -> bool:
    """Whether an expression solves the puzzle that the gold expression solves.

    Args:
        answer: What is graded.
        gold: A solution: its value is the target, its numbers are the ones to use.

    Returns:
        True if both have the same value and use the same numbers equally often.
    """
    read = read_expression(answer)
    return read is not None and read == read_expression(gold)


def _value(node: ast.expr, numbers: list[int]) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, numbers), _value(node.right, numbers))
    if isinstance(node, ast.Constant) and type(node.value) is int:
        numbers.append(node.value)
        return Fraction(node.value)
    raise ValueError(f"{type(node).__name__}: only whole numbers with + - * / and brackets are read")
