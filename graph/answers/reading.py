r"""What an answer says: its value or values, in which order, with which names and units.

The vote and the graders read answers here, the gold answer and a path's alike: the side on which one stands changes
nothing.
"""

import re
from dataclasses import replace
from fractions import Fraction

from peerleap.graph.answers.bases import parse_based
from peerleap.graph.answers.intervals import Bounds, alternatives, ascending, bounds_of, union_parts
from peerleap.graph.answers.nodes import Answer, Group, Node, Shape, Value
from peerleap.graph.answers.numbers import value_of, with_plain_numbers
from peerleap.graph.answers.remarks import without_modulus, without_remarks
from peerleap.graph.answers.split import Chain, brackets, chain_of, content_items, items_of, listed, plus_minus
from peerleap.graph.answers.tex import LONGEST, bare, plain_tex
from peerleap.graph.answers.units import split_unit
from peerleap.graph.answers.words import fixed_words, has_words

_RELATION = re.compile(r"[<>]|\\(?:[lg][et]|neq|nleq|ngeq|leqslant|geqslant)(?![A-Za-z])")
_DECIMAL = re.compile(r"\.\d\d")
_NO_RELATION = re.compile(r"\\text\s?\{[^{}]*\}|\\begin\s?\{cases\}.*\\end\s?\{cases\}", re.DOTALL)


def read_answer(text: str) -> Answer:
    """Read an answer, a path's or the gold one.

    Args:
        text: The inside of a box, or a gold answer as its file has it.

    Returns:
        The answer's values; a text of more than 2,000 characters is one value that is read no further.
    """
    if len(text) > LONGEST:
        return Answer(Value(text, words=True), text)
    whole = plain_tex(text)
    based = parse_based(re.sub(r"^[A-Za-z]\s?=\s?", "", whole))
    if based is not None:
        return Answer(Value(f"{based[0]}_{based[1]}", words=True), whole, based=based)
    rest, condition = without_remarks(whole)
    rest, modulus = without_modulus(rest)
    if modulus:
        rest, more = without_remarks(rest)
        condition = f"{condition} {more}".strip()
    rest = bare(rest.strip(" ,;"))
    if not rest:
        return Answer(_value(whole), whole)
    return Answer(_read(rest, 0), rest, modulus, condition)


def _read(text: str, depth: int) -> Node:
    text = bare(text)
    if depth > 6:
        return _value(text)
    if _RELATION.search(_NO_RELATION.sub("", text)) and "\\langle" not in text:
        inside = brackets(text)
        if not (inside and inside[0] == "set" and len(items_of(inside[1])) > 1 and "|" not in text):
            return _relation(text, depth)
    based = parse_based(text)
    if based is not None:
        return Value(f"{based[0]}_{based[1]}", words=True)
    options = alternatives(text) if "=" in text and "," in text else []
    points = [_read(option, depth + 1) for option in options] if len(options) > 1 else []
    if points and all(isinstance(point, Group) and point.shape == "named" for point in points):
        return Group("list", tuple(points))  # `x=1, y=2 or x=2, y=1`
    parts = items_of(listed(text))
    if len(parts) > 1:
        return _several(parts, text, depth)
    chain = chain_of(parts[0])
    if chain.name and len(chain.sides) == 1 and not chain.rough:
        return _with_name(_read_one(chain.sides[0], depth), chain)
    if chain.sides and (len(chain.sides) > 1 or chain.rough):
        return _chained(chain, depth)
    return _read_one(parts[0], depth)


def _read_one(text: str, depth: int) -> Node:
    inside = brackets(text)
    if inside is not None:
        shape, content, signs = inside
        if shape == "matrix":
            cells = tuple(
                _read(cell, depth + 1) for row in content.split("\\\\") if row.strip() for cell in row.split("&")
            )
            rows = sum(1 for row in content.split("\\\\") if row.strip())
            return Group("matrix", cells, f"{rows}")
        parts = content_items(content)
        if shape == "tuple" and len(parts) > 1 and (both := plus_minus(text)):
            return Group("list", tuple(_read_one(each, depth + 1) for each in both))
        if len(parts) > 1:
            items = tuple(_read(part, depth + 1) for part in parts)
            named = shape in {"set", "tuple"} and _named(items)
            if shape == "set":
                items = _flat(items)
            if shape == "closed" and len(items) != 2:
                return Group("list", items)  # `[1, 2, 3]` as Python prints it
            return named or Group(shape, items, signs)
        if shape == "set":
            only = _read(content, depth + 1)
            return only if isinstance(only, Value) and only.relation else Group("set", _flat((only,)))
        if signs == "()" or (signs == "[]" and (value_of(content) is not None or content.startswith("\\begin"))):
            return _read(content, depth + 1)
    pieces = union_parts(text)
    if pieces:
        return Group("union", tuple(_read_one(piece, depth + 1) for piece in pieces))
    both = plus_minus(text)
    if both:
        return Group("list", tuple(_read(each, depth + 1) for each in both))
    return _value(text)


def _several(parts: list[str], text: str, depth: int) -> Node:
    items = tuple(_read(part, depth + 1) for part in parts)
    named = _named(items)
    if named is not None:
        return named
    names = {name for item in items if (name := item.name)}
    if not names or len(names) == 1:
        name = names.pop() if names else ""
        items = _flat(items)
        if re.search(r"\bor\b", text) and "," not in text and len({repr(_plainly(item)) for item in items}) == 1:
            return items[0]  # `\frac12 or 0.5`
        either = re.search(r"\bor\b", text) and "\\infty" in text
        if either and all(isinstance(item, Group) and len(item.brackets) == 2 for item in items):
            return Group("union", items, name=name)  # `(-\infty,2) or (3,\infty)`
        return Group("list", items, name=name)
    return Group("list", items)


def _named(items: "tuple[Node, ...]") -> Group | None:
    """Values that each have a name of their own: in the order of the names, as a point has its coordinates."""
    names = [item.name for item in items]
    if not all(names) or len(set(names)) < len(names):
        return None
    stems = {re.sub(r"_.*", "", name) for name in names}
    if stems == {"x"}:
        return None  # `x_1 = 2, x_2 = 1` are two roots, in no order
    order = sorted(range(len(names)), key=lambda index: names[index])
    return Group("named", tuple(items[index] for index in order), names=tuple(names[index] for index in order))


def _flat(items: "tuple[Node, ...]") -> "tuple[Node, ...]":
    r"""A list of lists as one: `\pm 1, 3`."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Group) and item.shape == "list" else [item])
    return tuple(flat)


def _plainly(node: Node) -> object:
    return (node.number if node.number is not None else node.tex) if isinstance(node, Value) else node


def _with_name(node: Node, chain: Chain) -> Node:
    if isinstance(node, Value):
        return replace(node, name=chain.name, whole=chain.whole)
    names = items_of(inside[1]) if (inside := brackets(chain.name)) and inside[0] == "tuple" else []
    if node.shape == "tuple" and len(names) == len(node.items) > 1:
        named = tuple(replace(item, name=name) for item, name in zip(node.items, names, strict=True))
        return _named(named) or node
    return replace(node, name=chain.name)


def _chained(chain: Chain, depth: int) -> Node:
    values = [_read_one(side, depth + 1) for side in chain.sides]
    last = values[-1] if not chain.rough else values[0] if len(values) == 1 else values[-1]
    if isinstance(last, Group):
        return Group(last.shape, last.items, last.brackets, last.names, chain.name)
    single = [value for value in values if isinstance(value, Value)]
    numbers = {value.number for value in single if value.number is not None}
    sides = tuple(value.tex for value in single)
    agreed = len(single) == len(values) and len(numbers) == 1 and all(value.number is not None for value in single)
    if len(numbers) > 1 and not _rounded(single):
        return Value(chain.whole, words=True, whole=chain.whole)  # `6 = 5`
    exact = [value for value in single if value.number is not None and not _DECIMAL.search(value.tex)]
    best = exact[-1] if exact else next((value for value in reversed(single) if value.number is not None), last)
    rough = tuple(value.tex for side in chain.rough if isinstance(value := _read_one(side, depth + 1), Value))
    return Value(
        best.tex, best.number, last.unit or best.unit, chain.name, () if agreed or len(sides) < 2 else sides, rough,
        words=last.words, whole=chain.whole,
    )  # fmt: skip


def _rounded(values: list[Value]) -> bool:
    """Whether all values that differ are one value and its decimals."""
    exact = [value for value in values if not _DECIMAL.search(value.tex)]
    if len({value.number for value in exact}) != 1 or exact[0].number is None:
        return False
    for value in values:
        digits = re.search(r"\.(\d+)", value.tex)
        if (
            digits
            and value.number is not None
            and abs(value.number - exact[0].number) > Fraction(1, 10 ** len(digits[1]))
        ):
            return False
    return True


def _relation(text: str, depth: int) -> Node:
    """Inequalities of one letter as the intervals that they mean; any other relation is one value."""
    bounds = [bounds_of(part) for part in alternatives(text)]
    found = [_interval(each, depth) for each in bounds if each is not None]
    if len(found) < len(bounds) or len({interval.name for interval in found}) > 1:
        return Value(rising := ascending(text), relation=True, whole=rising)
    return found[0] if len(found) == 1 else Group("union", tuple(found), name=found[0].name)


def _interval(bounds: Bounds, depth: int) -> Group:
    shape: Shape = "tuple" if bounds.signs == "()" else "closed" if bounds.signs == "[]" else "half-open"
    items = _read(bounds.low, depth + 1), _read(bounds.high, depth + 1)
    return Group(shape, items, bounds.signs, name=bounds.name)


def _value(text: str) -> Value:
    text = bare(text)
    unit = split_unit(text)
    head, name, scale = (unit.head, unit.name, unit.scale) if unit else (text, "", 1)
    head = bare(head)
    number = value_of(head)
    if scale != 1 and number is not None:
        number *= scale
        head = str(number)
    elif scale != 1:
        head = text
    if number is not None:
        return Value(with_plain_numbers(head), number, name)
    fixed = fixed_words(head)
    if fixed is not None:
        return fixed
    return Value(head, None, name, words=has_words(head))


def parse_integer(text: str) -> int | None:
    r"""The integer that `text` writes (`\text{1,234}`, `016`, `204^\circ`, `x = 204`, `5 million`), or `None`.

    Args:
        text: An answer of at most 1,000 characters; nothing longer is an integer.
    """
    if len(text) > 1000:
        return None
    answer = read_answer(text)
    node = answer.node
    if not isinstance(node, Value) or node.number is None or node.sides or answer.based:
        return None
    return node.number.numerator if node.number.denominator == 1 else None
