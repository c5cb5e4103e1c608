r"""Where an answer comes apart: items of a list, sides of a chain of equalities, what brackets hold."""

import re
from typing import NamedTuple

from peerleap.graph.answers.nodes import Shape

_JOINED = re.compile(
    r"(?:\s|,|;|\\q?quad(?![A-Za-z]))*"
    r"(?:\\text\s?\{[\s,]*(?:and|or|and also|or else|together with|且|或|和|与)[\s,]*\}|(?<![A-Za-z\\])(?:and"
    r"|or)(?![A-Za-z])|[或和与且])"
    r"(?:\s|\\q?quad(?![A-Za-z]))*"
)
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,]|\.\d*,)")
_ENVIRONMENT = re.compile(
    r"\\begin\s?\{(?P<kind>[pbB]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(?P<inside>.*)\\end\s?\{(?P=kind)\}",
    re.DOTALL,
)
_LETTER = r"(?:[A-Za-z]|\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|phi|omega|Delta|Omega|ell))"
_INDEX = r"(?:\s?_\s?(?:\{[^{}]*\}|\w|\\(?:min|max)))?"
_PRIME = r"(?:'{1,3}|\s?\^\s?\{?\s?(?:-1|\\ast|\*|\\circ)\s?\}?)?"
_SIMPLE = re.compile(
    rf"\s?(?:{_LETTER}{_INDEX}{_PRIME}(?:\s?\([^()=]*\))?"
    rf"|\\(?:max|min|deg|sup|inf|lim){_INDEX}\s?[A-Za-z](?:\([^()=]*\))?|\\(?:max|min|gcd|deg|sup|inf"
    rf"|lim){_INDEX}(?:\s?[\(\{{][^()=]*[\)\}}])?"
    r"|(?:max|min|gcd|lcm)(?:\s?\([^()=]*\))?|\\text\s?\{[^{}=]*\}(?:\s?\([^()=]*\))?|\\(?:angle|triangle|overline"
    r"|overrightarrow|vec|hat|bar|mathbf|mathbb|Pr|mathrm|operatorname)\s?\{?[A-Za-z ]+\}?(?:\s?\([^()=]*\))?"
    r"|\|?[A-Z]{2,4}\|?|\[[A-Z]{3,}\]|\|[A-Za-z]\||\\frac\s?\{d[a-z]\}\{d[a-z]\}|[A-Za-z][A-Za-z ]{2,40})\s?"
)
# Sums and products of letters, as `m+n`, `100m+n`, `pq`; with a power or a single letter it is an equation.
_SUM = re.compile(
    rf"\s?-?(?:\d*\s?{_LETTER}{_INDEX}\s?)+(?:(?:[+-]|\\cdot|\\times|/)\s?\d*\s?(?:{_LETTER}{_INDEX}\s?)+)*"
)
_COORDINATES = re.compile(rf"\s?\(?\s?{_LETTER}{_INDEX}(?:\s?,\s?{_LETTER}{_INDEX})+\s?\)?\s?")
_SYMBOL = re.compile(
    r"\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|phi|varphi|omega|Delta|Omega|ell|vec|hat"
    r"|angle|text)(?![A-Za-z])"
    r"|(?<![\\A-Za-z])[A-DF-HJ-Za-df-hj-z](?![A-Za-z])|(?<![\\A-Za-z])[A-Za-z]{2,}"
)
_COMMANDS = re.compile(r"\\[A-Za-z]+|(?<![A-Za-z])(?:sin|cos|tan|log|ln|sqrt)(?![A-Za-z])")


_DEEPEST = 30
_BRACKETS: tuple[tuple[str, str, Shape], ...] = (
    ("\\{", "\\}", "set"), ("\\langle", "\\rangle", "tuple"), ("(", ")", "tuple"),
    ("[", "]", "closed"), ("(", "]", "half-open"), ("[", ")", "half-open"),
)  # fmt: skip
# `5! = 120` is an equation, `x != 5` is none.
_OTHER_SIGN = re.compile(r"(?<![\d)}])!$|[:<>]$")


class Chain(NamedTuple):
    r"""`name = side = side \approx rough`."""

    name: str
    sides: tuple[str, ...]
    rough: tuple[str, ...]
    whole: str


def listed(text: str) -> str:
    r"""A list with commas where words join its items: `3, 5, \text{ and } 7`, `x=1 or x=2`."""
    return _JOINED.sub(", ", text)


def items_of(text: str) -> list[str]:
    """The items of a list, separated by commas or semicolons outside of all brackets; thousands stay together."""
    thousands = {comma for number in _THOUSANDS.finditer(text) for comma in range(*number.span()) if text[comma] == ","}
    items, start, depth = [], 0, 0
    for place, sign in _top(text):
        depth += sign
        if depth <= 0 and text[place] in ",;" and place not in thousands:
            items.append(text[start:place])
            start = place + 1
    items.append(text[start:])
    return [item.strip() for item in items if item.strip()] or [text]


def content_items(text: str) -> list[str]:
    """The items inside brackets, where no comma is a thousands comma."""
    items, start, depth = [], 0, 0
    for place, sign in _top(text):
        depth += sign
        if depth <= 0 and text[place] in ",;":
            items.append(text[start:place])
            start = place + 1
    items.append(text[start:])
    return [item.strip() for item in items if item.strip()] or [text]


def brackets(text: str) -> tuple[Shape, str, str] | None:
    """Shape, inside and the two signs of brackets around the whole of a text; `None` where there are none."""
    text = text.strip()
    matrix = _ENVIRONMENT.fullmatch(text)
    if matrix is not None:
        return ("matrix", matrix["inside"], "") if "\\begin" not in matrix["inside"] else None
    for left, right, shape in _BRACKETS:
        if text.startswith(left) and text.endswith(right) and len(text) > len(left) + len(right):
            inside = text[len(left) : len(text) - len(right)]
            if _balanced(inside):
                return shape, inside.strip(), left.strip("\\") + right.strip("\\")
    return None


def chain_of(text: str) -> Chain:
    r"""The sides of `m+n = 33+171 = 204`; a first side that only names the value is its name.

    `\in` before a set or an interval names its elements.
    """
    cuts: list[tuple[int, int, str]] = []
    depth = 0
    for place, sign in _top(text):
        depth += sign
        if depth > 0:
            continue
        if text[place] == "=" and not _OTHER_SIGN.search(text[max(0, place - 2) : place]):
            cuts.append((place, place + 1, "="))
        elif text[place] == "\\":
            sign_word = re.compile(r"\\(approx|simeq|in|equiv)(?![A-Za-z])").match(text, place)
            if sign_word:
                cuts.append((place, sign_word.end(), {"in": "in", "equiv": "="}.get(sign_word[1], "~")))
    if not cuts:
        return Chain("", (), (), text)
    pieces = [
        text[start:end].strip()
        for start, end in zip(
            [0, *(end for _, end, _ in cuts)], [*(start for start, _, _ in cuts), len(text)], strict=True
        )
    ]
    if not all(pieces):
        return Chain("", (), (), text)
    kinds = ["=", *(kind for _, _, kind in cuts)]
    if "in" in kinds and (len(cuts) > 1 or not _names(pieces[0])):
        return Chain("", (), (), text)
    name = squeezed(pieces[0]) if _names(pieces[0]) else ""
    rest = list(zip(kinds, pieces, strict=True))[1 if name else 0 :]
    while (
        len(rest) > 1
        and rest[0][0] != "~"
        and _SIMPLE.fullmatch(rest[0][1])
        and _SYMBOL.search(_COMMANDS.sub(_symbol_only, rest[0][1]))
    ):
        name, rest = name or squeezed(rest[0][1]), rest[1:]
    sides = [piece for kind, piece in rest if kind != "~"]
    rough = [piece for kind, piece in rest if kind == "~"]
    if name and not sides:
        sides, rough = rough[:1], rough[1:]
    if len(sides) == 2 and not name and _names(sides[1]) and not _symbolic(sides[0]):
        return Chain(squeezed(sides[1]), (sides[0],), tuple(rough), text)  # `5 = x`
    if any(_symbolic(side) for side in sides):
        if any(not _symbolic(side) for side in sides) and len(sides) > 1 and name:
            sides = [side for side in sides if not _symbolic(side)]
        elif not name or len(sides) > 1:
            return Chain(name, (sides[-1],), tuple(rough), text) if name else Chain("", (), (), text)
    return Chain(name, tuple(sides), tuple(rough), text)


def plus_minus(text: str) -> list[str]:
    r"""The two values that `\pm` stands for; none where there is no, or more than one, such sign."""
    found = re.findall(r"\\(?:pm|mp)(?![A-Za-z])", text)
    if found != ["\\pm"]:
        return []
    plus, minus = (re.sub(r"\\pm(?![A-Za-z])\s?", sign, text) for sign in "+-")
    return [plus.strip().removeprefix("+"), minus.strip()]


def squeezed(text: str) -> str:
    """The text without blanks that say nothing, and with one spelling for indices and powers of one sign."""
    text = re.sub(r"\\text\s?\{([^{}]*)\}", r"\1", text)
    text = re.sub(
        r"\\frac\s*(\w|\{[^{}]*\})\s*(\w|\{[^{}]*\})",
        lambda m: "\\frac" + "".join(a if a[0] == "{" else f"{{{a}}}" for a in m.groups()),
        text,
    )
    text = re.sub(r"\\sqrt(?:\s*(\d)|\s+([A-Za-z])(?![A-Za-z]))", lambda m: f"\\sqrt{{{m[1] or m[2]}}}", text)
    text = re.sub(r"(?<!\\text)([\^_])\{([A-Za-z0-9+*-])\}", r"\1\2", text.replace("bmatrix", "pmatrix"))
    text = re.sub(r"\s+", " ", text)
    # `\pi r` needs its blank, `2 0 4` as well.
    return (
        re.sub(
            r"(?<!\d) (?!\d)|(?<=\d) (?!\d)|(?<!\d) (?=\d)",
            "",
            re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])", "\\1\ue000", text),
        )
        .replace("\ue000", " ")
        .strip()
    )


def _symbol_only(command: re.Match[str]) -> str:
    return command[0] if _SYMBOL.match(command[0]) else " "


def _symbolic(text: str) -> bool:
    """Whether variables stand in it: not only numbers, functions and constants."""
    return _SYMBOL.search(_COMMANDS.sub(_symbol_only, text)) is not None


def _names(text: str) -> bool:
    if ":" in text:
        return all(_names(part) for part in text.split(":"))
    if _COORDINATES.fullmatch(text) or _SIMPLE.fullmatch(text):
        return _symbolic(text) or text.strip() in {"e", "i", "E", "I"} or "\\m" in text or "(" in text
    letters = re.findall(rf"{_LETTER}", _COMMANDS.sub(_symbol_only, text))
    return len(letters) > 1 and _SUM.fullmatch(text) is not None


def _top(text: str) -> list[tuple[int, int]]:
    """Every place of a text with what it adds to the depth of brackets: 1, 0 or -1."""
    places: list[tuple[int, int]] = []
    place = 0
    while place < len(text):
        if text[place] == "\\":
            pair = text[place : place + 2]
            word = re.compile(r"\\(?:(langle|begin)|(rangle|end))(?![A-Za-z])").match(text, place)
            places.append(
                (place, 1 if pair == "\\{" or (word and word[1]) else -1 if pair == "\\}" or (word and word[2]) else 0)
            )
            place += 2
            continue
        places.append((place, (text[place] in "([{") - (text[place] in ")]}")))
        place += 1
    return places


def well_formed(text: str) -> bool:
    """Whether every bracket closes, and not too deep inside others; half-open intervals close as they like."""
    depth = 0
    for _, sign in _top(text):
        depth += sign
        if not 0 <= depth <= _DEEPEST:
            return False
    return depth == 0


def _balanced(text: str) -> bool:
    depth = 0
    for _, sign in _top(text):
        depth += sign
        if depth < 0:
            return False
    return depth == 0
