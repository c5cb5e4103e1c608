r"""One form for maths answers that are written differently, as `\frac12`, `1/2` and `0.5`; nothing is evaluated."""

import re
from fractions import Fraction

from peerleap.graph.answers.tex import LONGEST, listed, plain_tex

# Short and without an exponent: a fraction such as '1e999999999' would take for ever to build.
_NUMBER = re.compile(r"^[+-]?(?:\d{1,64}(?:/\d{1,64}|\.\d{0,64})?|\.\d{1,64})$")
_FRACTION = re.compile(r"^(-?)\\frac\{(-?)(\d{1,64})\}\{(-?)(\d{1,64})\}$")
# TeX takes one digit as an argument without braces: `\frac123` is one half and a 3.
_FRAC = re.compile(r"\\[dt]?frac" + r"\s*(\{[^{}]*\}|\d)" * 2)
_ROOT = re.compile(r"\\sqrt(?:\s*(?P<digit>\d)|\s+(?P<letter>[A-Za-z])(?![A-Za-z]))")
_SIDES = re.compile(r"\\(?:left|right)(?![A-Za-z])")
_LOOKS = re.compile(_SIDES.pattern + r"|(?<!\\)\\[!,;:\s]|\\?[$%]")
_DEGREES = re.compile(r"\^\{\\circ\}|(?:\^|(?<=\d)\s*)\\circ(?![A-Za-z])|°")
_MIXED = re.compile(r"^([+-]?)(\d{1,64})\\frac\{(\d{1,64})\}\{(\d{1,64})\}$")
_PIECES = re.compile(
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<thousands>(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,]))"
    r"|(?P<groups>(?<![\d.,])(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?! ?[\d.,]))"
    r"|(?P<comma>\s*,\s*)|(?P<apart>(?<=\d)\s+(?=\d))|(?P<blank>\s+)"
)
_UNIT = re.compile(
    r"^(?P<number>\s?[+-]?\s?(?:\\?\$\s?)?(?:\d[\d,]*(?:\.\d*)?|\.\d+|\d*\s?\\[dt]?frac\s?(?:\{\d+\}|\d)\s?(?:\{\d+\}|\d)))"
    r"(?P<unit>(?:\\[ ,;]|\s|~){0,3}\\(?:text|mathrm|mbox)\s?\{[A-Za-z \-./~]*\}(?:\^\{?[23]\}?)?"
    r"|\s{1,3}(?!(?:sin|cos|tan|cot|sec|csc|log|exp|max|min|mod|base|abc|xyz)\b)[A-Za-z]{3,}[A-Za-z \-./]*"
    r"(?:\^\{?[23]\}?)?)\s?$"
)
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s*\{([^{}]*)\}")
_NAME = re.compile(r"^([A-Za-z])(?:(?:_\{?\d\}?)?=|\\in(?![A-Za-z]))")
_WORD = re.compile(r"^[A-Za-z]{3,}$")
_RELATION = re.compile(r"[<>]|\\[lg]eq?(?![A-Za-z])")
_SCRIPT = re.compile(r"([\^_])\{([A-Za-z0-9])\}")
_SET = re.compile(r"^\s?\\\{(?P<items>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\\\}\s?$")
SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_FRACTIONS = ("half", "halves", "third", "thirds", "quarter", "quarters", "fifths", "sixths", "eighths", "tenths")
_OPERATORS = (
    "or",
    "and",
    "to",
    "over",
    "pi",
    "squared",
    "cubed",
    "factorial",
    "root",
    "sqrt",
    "choose",
    "plus",
    "minus",
)
# Not the commands: `\sqrt` and `\pi` are mathematics.
_WORDS = re.compile(rf"(?<![\\A-Za-z])({'|'.join((*SCALES, *_FRACTIONS, *_OPERATORS))})\b", re.IGNORECASE)


def number_words(text: str) -> set[str]:
    """The words of a text that change the number before them: `3 million`, `3 halves`, `3 or 4`."""
    return {word.lower() for word in _WORDS.findall(text)}


def maths_form(text: str) -> str:
    """A form in which most answers that mean the same are equal, and answers that differ are not."""
    if len(text) <= LONGEST:
        text = without_unit(_without_set(plain_tex(_SIDES.sub("", text))))
        text = without_unit(without_fonts(text))
        # Of inequalities `and` is another set than `or`.
        text = text if _RELATION.search(text) and "and" in text else listed(text)
    text = without_fonts(text)
    text = _LOOKS.sub("", text.replace("\N{MINUS SIGN}", "-").replace("{,}", ","))
    text = _FRAC.sub(lambda frac: f"\\frac{_braced(frac[1])}{_braced(frac[2])}", text)
    text = _SCRIPT.sub(r"\1\2", text.replace("bmatrix", "pmatrix"))
    text = _ROOT.sub(lambda root: f"\\sqrt{{{root['digit'] or root['letter']}}}", text)
    items = [each for item in _without_blanks(_DEGREES.sub("", text)).split(", ") for each in _both(item.rstrip(". "))]
    # `x=1, x=2` are two solutions, `x=1, y=2` is a point.
    names = {name[1] for item in items if (name := _NAME.match(item))}
    return ", ".join(sorted(_one(_NAME.sub("", item) if len(names) == 1 else item) for item in items))


def _both(item: str) -> list[str]:
    r"""The two that `\pm` stands for."""
    if "\\pm" not in item or "\\mp" in item:
        return [item]
    return [item.replace("\\pm", "+").removeprefix("+"), item.replace("\\pm", "-")]


def _one(item: str) -> str:
    number = _MIXED.sub(_as_sum, _FRACTION.sub(_as_ratio, item))
    try:
        return str(Fraction(number)) if _NUMBER.match(number) else _WORD.sub(lambda word: word[0].casefold(), item)
    except ZeroDivisionError:
        return item


def _as_sum(mixed: re.Match[str]) -> str:
    whole, over, under = (int(mixed[group]) for group in (2, 3, 4))
    return f"{mixed[1]}{whole * under + over}/{under}"


def without_fonts(text: str) -> str:
    """The words or numbers that a TeX command sets in a font, without the command."""
    return _TEXT.sub(r"\1", text)


def without_unit(text: str) -> str:
    """A number without its unit, as graders read it; not without a word that changes it."""
    number = _UNIT.match(text)
    return text if number is None or number_words(number["unit"]) else number["number"]


def _without_set(text: str) -> str:
    """The elements of a set as a list."""
    inside = _SET.match(text)
    if inside is None:
        return text
    depth, items = 0, ""
    for sign in inside["items"]:
        depth += (sign in "([{") - (sign in ")]}")
        items += ", " if sign == "," and not depth else sign
    return items


def _braced(argument: str) -> str:
    return argument if argument.startswith("{") else f"{{{argument}}}"


def _as_ratio(fraction: re.Match[str]) -> str:
    sign = "-" if (fraction[1] + fraction[2] + fraction[4]).count("-") % 2 else ""
    return f"{sign}{fraction[3]}/{fraction[5]}"


def _without_blanks(text: str) -> str:
    """Blanks and thousands commas go; a comma between the items of a list keeps a blank, so that `1, 234` is no 1,234.

    The blanks of `2 0 4` stay: that is no 204. Inside brackets no comma is a thousands comma: `(1,234)` is a pair.
    """
    depth = 0

    def piece(match: re.Match[str]) -> str:
        nonlocal depth
        depth += (match["open"] is not None) - (match["close"] is not None)
        if match["thousands"]:
            return match[0] if depth else match[0].replace(",", "")
        if match["groups"]:
            return match[0].replace(" ", "")
        if match["apart"]:
            return " "
        if match["comma"]:
            return "," if depth else ", "
        return "" if match["blank"] else match[0]

    return _PIECES.sub(piece, text).strip()
