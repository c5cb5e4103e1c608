r"""One form for maths answers that are written differently, as `\frac12`, `1/2` and `0.5`; the vote compares it."""

import re

from peerleap.graph.answers.nodes import Group, Node, Value
from peerleap.graph.answers.reading import read_answer
from peerleap.graph.answers.split import squeezed
from peerleap.graph.answers.tex import FONTS

_TEXT = re.compile(rf"\\(?:text|mbox|{FONTS})\s*\{{([^{{}}]*)\}}")
_BRACKETS = {"": "()", "()": "()", "[]": "[]", "(]": "(]", "[)": "[)", "langlerangle": "()"}


def maths_form(text: str) -> str:
    """A form in which most answers that mean the same are equal, and answers that differ are not.

    Args:
        text: An answer as a path wrote it, without its box.
    """
    answer = read_answer(text)
    form = node_form(answer.node)
    if answer.based and answer.based[1] == 10:
        return answer.based[0]
    return f"{form}_{answer.based[1]}" if answer.based and not form.endswith(f"_{answer.based[1]}") else form


def node_form(node: Node) -> str:
    """The form of one value or of several; lists and sets are sorted, points and intervals keep their order."""
    if isinstance(node, Value):
        return value_form(node)
    items = [_inside(item) if node.shape in {"list", "set"} else node_form(item) for item in node.items]
    if node.shape == "set":
        items = sorted(set(items))
    if node.shape in {"list", "set"}:
        return ", ".join(sorted(items))
    if node.shape == "union":
        braced = [
            f"\\{{{form}\\}}" if isinstance(item, Group) and item.shape == "set" else form
            for item, form in zip(node.items, items, strict=True)
        ]
        return "\\cup ".join(sorted(braced))
    if node.shape == "matrix":
        width = len(items) // max(1, int(node.brackets or 1))
        rows = ["&".join(items[start : start + width]) for start in range(0, len(items), max(1, width))]
        inside = "\\\\".join(rows)
        return f"\\begin{{pmatrix}}{inside}\\end{{pmatrix}}"
    signs = _BRACKETS.get(node.brackets, "()")
    return f"{signs[0]}{','.join(items)}{signs[1]}"


def _inside(item: Node) -> str:
    """The form of one item of a list: a set among others keeps its braces."""
    form = node_form(item)
    return f"\\{{{form}\\}}" if isinstance(item, Group) and item.shape == "set" and len(item.items) > 1 else form


def value_form(value: Value) -> str:
    """The form of one value, without its name and its unit; the time of day keeps its half."""
    half = value.unit if value.unit in {"am", "pm"} else ""
    if value.number is not None and not value.sides:
        return f"{value.number} {half}".strip()
    text = value.whole if value.sides or (value.relation and value.whole) else value.tex
    return f"{words_form(text) if value.words else expression_form(text)} {half}".strip()


def words_form(text: str) -> str:
    """Words without case, fonts, articles and the punctuation around them."""
    plain = " ".join(squeezed_words(text).casefold().split()).strip(" .,;!\"'")
    plain = re.sub(r"\\sqrt ?(\w)", r"\\sqrt{\1}", re.sub(r" ?: ?", ":", plain))
    return re.sub(r"^(?:the|an?) (?=\w)", "", plain)


def squeezed_words(text: str) -> str:
    r"""Words without `\text{}` around them."""
    return _TEXT.sub(r"\1", text)


def expression_form(text: str) -> str:
    """TeX with one spelling for blanks, indices, fractions and roots."""
    form = re.sub(r"(?<=\d)\\cdot ?(?=\\?[A-Za-z])", "", squeezed(text)).removeprefix("+")
    form = re.sub(r"^(-?)([^-+/=<>,;]+)/(\d+|[a-z]|\\pi)$", r"\1\\frac{\2}{\3}", form)
    return form.casefold() if re.fullmatch(r"[A-Za-z]{3,}", form) else form
