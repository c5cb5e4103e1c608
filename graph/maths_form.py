r"""One form for maths answers that are written differently, as `\frac12`, `1/2` and `0.5`; nothing is evaluated."""

import re
from fractions import Fraction

# Short and without an exponent: a fraction such as '1e999999999' would take for ever to build.
_NUMBER = re.compile(r"^[+-]?(?:\d{1,64}(?:/\d{1,64}|\.\d{0,64})?|\.\d{1,64})$")
_FRACTION = re.compile(r"^(-?)\\frac\{(-?)(\d{1,64})\}\{(-?)(\d{1,64})\}$")
# TeX takes one digit as an argument without braces: `\frac123` is one half and a 3.
_FRAC = re.compile(r"\\[dt]?frac" + r"\s*(\{[^{}]*\}|\d)" * 2)
_ROOT = re.compile(r"\\sqrt(?:\s*(?P<digit>\d)|\s+(?P<letter>[A-Za-z])(?![A-Za-z]))")
_LOOKS = re.compile(r"\\(?:left|right)(?![A-Za-z])|\\[!,;:\s]|\\?[$%]")
_DEGREES = re.compile(r"\^\{\\circ\}|(?:\^|(?<=\d)\s*)\\circ(?![A-Za-z])|°")
_PIECES = re.compile(
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<thousands>(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,]))"
    r"|(?P<comma>\s*,\s*)|(?P<blank>\s+)"
)


def maths_form(text: str) -> str:
    """A form in which most answers that mean the same are equal, and answers that differ are not."""
    text = _LOOKS.sub("", text.replace("\N{MINUS SIGN}", "-").replace("{,}", ","))
    text = _FRAC.sub(lambda frac: f"\\frac{_braced(frac[1])}{_braced(frac[2])}", text)
    text = _ROOT.sub(lambda root: f"\\sqrt{{{root['digit'] or root['letter']}}}", text)
    text = _without_blanks(_DEGREES.sub("", text)).rstrip(". ")
    text = re.sub(r"^[A-Za-z]=", "", text)
    number = _FRACTION.sub(_as_ratio, text)
    try:
        return str(Fraction(number)) if _NUMBER.match(number) else text
    except ZeroDivisionError:
        return text


def _braced(argument: str) -> str:
    return argument if argument.startswith("{") else f"{{{argument}}}"


def _as_ratio(fraction: re.Match[str]) -> str:
    sign = "-" if (fraction[1] + fraction[2] + fraction[4]).count("-") % 2 else ""
    return f"{sign}{fraction[3]}/{fraction[5]}"


def _without_blanks(text: str) -> str:
    """Blanks and thousands commas go; a comma between the items of a list keeps a blank, so that `1, 234` is no 1,234.

    Inside brackets no comma is a thousands comma: `(1,234)` is a pair.
    """
    depth = 0

    def piece(match: re.Match[str]) -> str:
        nonlocal depth
        depth += (match["open"] is not None) - (match["close"] is not None)
        if match["thousands"]:
            return match[0] if depth else match[0].replace(",", "")
        if match["comma"]:
            return "," if depth else ", "
        return "" if match["blank"] else match[0]

    return _PIECES.sub(piece, text).strip()
