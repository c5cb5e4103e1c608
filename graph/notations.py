r"""Notations that say the same differently: `USD 5`, `0.\overline{3}`, `\{x \mid x > 2\}`; nothing is evaluated."""

import re
from fractions import Fraction

_GAP = r"(?:\s|~|\\[ ,;]){0,2}"
_CURRENCY = re.compile(
    rf"^\s?(?:\\(?:text|mathrm|mbox)\s?\{{\s?)?(?:USD|US\s?\\?\$|EUR|GBP|CAD|AUD|INR|Rs\.?){_GAP}"
    rf"(?:\}}{_GAP})?(?=[+-]?[\d.])"
)
_REPEATING = re.compile(
    r"^\s?(?P<sign>[+-]?)(?P<whole>\d{0,20})\.(?P<once>\d{0,20})"
    r"\\(?:overline|bar)\s?(?:\{(?P<again>\d{1,20})\}|(?P<digit>\d))\s?$"
)
_BUILT = re.compile(
    r"^\s?(?:\\left\s?)?\\?\{\s?[a-z]\s?(?:\\in\s?\\mathbb\s?(?:\{\s?R\s?\}|R)\s?)?"
    r"(?:\||:|\\(?:mid|vert|colon)(?![A-Za-z]))(?P<condition>[^,{}:|]+?)(?:\\right\s?)?\\?\}\s?$"
)
_RELATION = re.compile(r"[<>]|\\(?:[lg](?:eq?|t)|neq?)(?![A-Za-z])")
_ELEMENT = re.compile(r"\\in(?![A-Za-z])")


def usual_notation(text: str) -> str:
    """A number without the currency before it, a repeating decimal as a fraction, a set of reals as its condition."""
    text = _REPEATING.sub(_ratio, _CURRENCY.sub("", text))
    built = _BUILT.match(text)
    if built is None or not _RELATION.search(built["condition"]) or _ELEMENT.search(built["condition"]):
        return text
    return built["condition"].strip()


def _ratio(decimal: re.Match[str]) -> str:
    once, again = decimal["once"], decimal["again"] or decimal["digit"]
    whole = decimal["whole"] + once
    ratio = Fraction(int(whole + again) - int(whole or "0"), (10 ** len(again) - 1) * 10 ** len(once))
    sign = decimal["sign"]
    return f"{sign}{ratio}" if ratio.denominator == 1 else f"{sign}\\frac{{{ratio.numerator}}}{{{ratio.denominator}}}"
