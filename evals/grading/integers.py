"""Integers as models write them, compared as integers: no sympy, no child process (0.02 ms an answer).

All golds of AIME, AIMO and GSM8K are integers, and so are 311 of MATH-500's.
"""

import re

from peerleap.graph.answers.normalize import SCALES, number_words

_WRAPPER = re.compile(
    r"\$\$?(?P<a>.*?)\$\$?|\\\((?P<b>.*)\\\)|\\\[(?P<c>.*)\\\]|\*\*(?P<d>.*)\*\*|\{(?P<e>[^{}]*)\}|\((?P<f>[^()]*)\)"
    r"|\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathsf|bm|boldsymbol|mbox|displaystyle)\s*\{(?P<g>[^{}]*)\}",
    re.DOTALL,
)
# Patterns below look for spaces at every place: a long run would be read again and again. Two stay two.
_SPACES = re.compile(r"\s{3,}")
_SPACING = re.compile(r"\\[,;:! ]|\\q?quad\b|\\displaystyle\b|~")
_UNITS = re.compile(
    r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|°|\\degree|\\?%|[.]"
    r"|\\(?:text|mathrm|mbox|textrm|operatorname)\s*\{(?P<unit>[A-Za-z \-./²³°]*)\}(?:\s*\^\s*\{?[23]\}?)?"
    r"|(?P<word>(?:\s+[A-Za-z]{2,}(?:-[a-z]+)*\b){1,6})(?:\s*\^\s*\{?[23]\}?)?)$"
)
_MODULUS = re.compile(
    r"\s*(?:\\pmod\s*(?:\{\s*\d+\s*\}|\d)|\\[bp]?mod\s*\{?\s*\d+\}?|\(?\s*mod(?:ulo)?\s+\d+\s*\)?|\(\s*\\bmod\s*\d+\s*\))$"
)
_INTEGER = re.compile(r"([+-]?)\s*(\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+)(?:\.0*)?")
_SCIENTIFIC = re.compile(r"([+-]?\d{1,30})(?:\.(\d{0,30}))?[eE]\+?(\d{1,2})")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip
_BASED = re.compile(rf"\s?([0-9A-Za-z]+)\s?(?:_|(?:in )?base\b)\s?(\d{{1,2}}|{'|'.join(_BASES)})\s?")
_AROUND_BASE = re.compile(r"(?:\\(?:text|mathrm)(?![A-Za-z])|[\s{}()$])+")

# Words of two letters that follow a number in prose or are its unit; others are products of variables: `5 xy`.
_PRODUCT = re.compile(
    r"(?!(?:am|as|at|be|by|cc|cl|cm|cu|dl|do|ev|ft|gb|gm|gw|he|hr|hz|if|in|is|it|kb|kg|kj|km|kn|kv|kw|lb|mb|me|mg|mi|ml"
    r"|mm|mv|mw|my|no|nm|of|ok|on|or|oz|pa|pm|pt|qt|so|sq|to|up|us|we|yd)$)[a-z]{2}|abc|ijk|lmn|pqr|rst|uvw|xyz",
    re.IGNORECASE,
)
# Two quantities: `3 \\text{ hours } 20 \\text{ minutes}`, of which math-verify reads the first.
_COMPOUND = re.compile(
    r"\d\s{0,3}\\(?:text|mathrm|mbox|textrm)\s?\{(?=[^{}]*[A-Za-z])[^{}]*\}(?:\s|\\[ ,;]){0,3}(?:\\?\$\s?)?[\d.]"
)
_LAST_WORD = re.compile(r"\d\s{1,3}(?P<word>[A-Za-z]{2,3})\$?\s*$")
# Unicode digits such as superscripts stay as they are: 5² is not 52.
_SIGNS = str.maketrans({"−": "-", "\u2010": "-", "\u2011": "-", "–": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " "})


def parse_integer(text: str) -> int | None:
    r"""The integer that `text` writes (`\text{1,234}`, `016`, `204^\circ`, `x = 204`, `1e3`, `5 million`), or None."""
    if len(text) > 1000:
        return None
    text = _SPACING.sub("", text.translate(_SIGNS).replace("{,}", ",").replace("\\$", "").replace("$", ""))
    text = _SPACES.sub("  ", text)
    text = re.sub(r"^\s*[a-zA-Z]\s*=", "", text).strip().lstrip("€£¥").strip()
    scale = 1
    for _ in range(6):
        before = text
        text = _MODULUS.sub("", text).strip()
        unit = _UNITS.search(text)
        if unit is not None:
            if any(_PRODUCT.fullmatch(word) for word in (unit["word"] or "").split()):
                return None
            words = (unit["unit"] or unit["word"] or "").lower()
            changing = number_words(words)
            if changing - SCALES.keys() or len(changing) > 1:
                return None
            scale *= SCALES[changing.pop()] if changing else 1
            text = text[: unit.start()].strip()
        wrapper = _WRAPPER.fullmatch(text)
        if wrapper is not None:
            if "," in (wrapper["f"] or ""):
                return None  # `(1,234)` is a point
            text = next(inside for inside in wrapper.groups() if inside is not None).strip()
        if text == before:
            break
    number = _INTEGER.fullmatch(text)
    if number is None:
        return _scientific(text, scale)
    return int(number[1] + re.sub(r"[, ]", "", number[2])) * scale


def is_product(text: str) -> bool:
    """Whether a number is multiplied by variables after it (`5 ab`), which math-verify takes for a unit."""
    last = _LAST_WORD.search(text)
    return last is not None and _PRODUCT.fullmatch(last["word"]) is not None


def is_compound(text: str) -> bool:
    """Whether a second quantity stands behind the unit of the first: neither of them alone is the answer."""
    return _COMPOUND.search(text) is not None


def _scientific(text: str, scale: int) -> int | None:
    """The integer of `1e3` or `1.5e3`."""
    number = _SCIENTIFIC.fullmatch(text)
    if number is None:
        return None
    fraction = (number[2] or "").rstrip("0")
    shift = int(number[3]) - len(fraction)
    return None if shift < 0 else int(number[1] + fraction) * 10**shift * scale


def parse_based(text: str) -> tuple[str, int] | None:
    """Digits and base of a number with a base subscript (`2516_8`), or None; math-verify ignores the subscript."""
    match = _BASED.fullmatch(_AROUND_BASE.sub(" ", _SPACING.sub("", text)))
    return (match[1].lstrip("0").upper() or "0", _BASES.get(match[2]) or int(match[2])) if match else None


def same_in_base(gold: str, answer: str) -> bool | None:
    """Whether two numbers are equal when one of them names its base; None if neither does.

    A gold with a base and an answer without one are compared digit by digit: the question named the base.
    """
    gold_based, answer_based = parse_based(gold), parse_based(answer)
    if gold_based is not None and answer_based is not None:
        return gold_based == answer_based or _value(gold_based) == _value(answer_based) is not None
    if gold_based is not None:
        plain = re.sub(r"[^0-9A-Za-z]", "", answer.replace("\\text", "")).lstrip("0").upper()
        return plain == gold_based[0] if parse_integer(answer) is not None else None
    if answer_based is not None:
        number = parse_integer(gold)
        return number is not None and _value(answer_based) == number
    return None


def _value(based: tuple[str, int]) -> int | None:
    digits, base = based
    try:
        return int(digits, base)
    except ValueError:
        return None
