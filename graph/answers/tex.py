"""Maths without what only changes its looks, for the vote and for graders; nothing is evaluated."""

import re
import unicodedata

from peerleap.graph.notations import usual_notation

LONGEST = 2000
FONTS = r"text(?:bf|it|rm|sf|tt)|math(?:bf|it|rm|sf|tt)"
"""TeX's commands for fonts, as a pattern."""
_LAYERS = 8
_SYMBOLS = str.maketrans({
    "\N{MINUS SIGN}": "-", "∞": r"\infty ", "∪": r"\cup ", "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ",
    "π": r"\pi ", "≤": r"\le ", "≥": r"\ge ", "±": r"\pm ", "\N{FRACTION SLASH}": "/",
})  # fmt: skip
_VULGAR = re.compile(r"[¼-¾⅐-⅞]")
_RAISED = re.compile(r"(?P<words>\\(?:text|mathrm|mbox)\s?\{[^{}]*\})|[⁰¹²³⁴-⁹⁻]+")
_SIZES = re.compile(
    r"\\(?:[bB]igg?[lrm]?|displaystyle|textstyle|tiny|small|normalsize|large|Large|LARGE|huge|Huge|bf|it|rm|sf|tt"
    r"|therefore)(?![A-Za-z])"
)
_COLOUR = re.compile(r"\\(?:text)?color\s?\{[^{}]*\}")
_ROW_GAP = re.compile(r"\\\\\s?\[\s?-?[\d.]+\s?(?:pt|mm|cm|em|ex|in)\s?\]")
_FONT = re.compile(
    r"\\(?:(?:text|mbox)(?=\s?\{(?:[\s\d.,$\\+-]|and|or)*\})"
    rf"|(?:{FONTS}|boldsymbol|bm|underline)(?=\s?\{{(?:[-+$\d]|\\[A-Za-z]|[ie]\}})))"
    r"\s?\{"
)
_AROUND = re.compile(
    r"\\\((?P<inline>.+)\\\)|\\\[(?P<display>.+)\\\]|\$\$?(?P<dollars>[^$]+)\$\$?|\{(?P<braced>.+)(?<!\\)\}", re.DOTALL
)
_BRACES = re.compile(r"\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_GROUPED = re.compile(r"(?<=[^\\]\{)\d{1,3}(?:,\d{3})+(?=\})")
_JOINED = re.compile(
    r"(?:\s|,|\\q?quad(?![A-Za-z])|\\[ ,;])*"
    r"(?:\\(?:text|mathrm|textbf|mbox)\s?\{[\s,]*(?P<told>and|or)\s*\}|(?<![A-Za-z\\])(?P<plain>and|or)(?![A-Za-z]))"
    r"(?:\s|\\q?quad(?![A-Za-z])|\\[ ,;])*"
)
_FULL_STOP = re.compile(r"(?<![.\d])\.(?P<closed>\s?\})?\s*$|(?<=\d)\.\s*$")


def plain_tex(text: str) -> str:
    """The same mathematics without what only changes its looks: fonts, colours, sizes of brackets, Unicode signs.

    Fonts around words stay, since they tell units from variables.
    """
    if len(text) > LONGEST:
        return text
    text = _VULGAR.sub(_vulgar, text.translate(_SYMBOLS))
    text = _RAISED.sub(lambda m: m[0] if m["words"] else f"^{{{unicodedata.normalize('NFKC', m[0])}}}", text)
    text = _COLOUR.sub("", _SIZES.sub("", _ROW_GAP.sub(r"\\\\", text)).replace("\N{MINUS SIGN}", "-"))
    while font := _FONT.search(text):
        text = text[: font.start()] + _opened(text[font.end() :])
    text = re.sub(r"(?<=\d)\{,\}(?=\d{3})", ",", text)
    text = _GROUPED.sub(lambda number: number[0].replace(",", ""), text)
    text = re.sub(r"\\([dt]?frac)\s?\\pi\s?(?=[\d{])", r"\\\1{\\pi}", text)
    text = re.sub(r"^\s?([+-]?\d{1,30}(?:\.\d{1,30})?)[eE]-(\d{1,3})\s?$", r"\1 \\times 10^{-\2}", text)
    text = re.sub(r"^\s?([+-]?\d{1,30})\s{1,3}(\d{1,30})/(\d{1,30})\s?$", r"\1\\frac{\2}{\3}", text)
    # Twice: `{x | x > 2}` is read before its braces go, and `$0.\bar{3}$.` after its dollars and full stop did.
    text = _FULL_STOP.sub(lambda stop: stop["closed"] or "", _bare(usual_notation(text).strip())).strip()
    return usual_notation(text)


def listed(text: str) -> str:
    r"""A list with commas where words join its items: `3, 5, \text{ and } 7`, `x=1 or x=2`."""
    return text if len(text) > LONGEST else _JOINED.sub(", ", text)


def _vulgar(sign: re.Match[str]) -> str:
    over, _, under = unicodedata.normalize("NFKC", sign[0]).partition("\N{FRACTION SLASH}")
    return f"\\frac{{{over}}}{{{under}}}"


def _bare(text: str) -> str:
    """The text without braces or signs of mathematics around the whole of it."""
    for _ in range(_LAYERS):
        inside = _AROUND.fullmatch(text)
        if inside is None:
            break
        shorter = inside[inside.lastindex or 0].strip()
        if inside.lastgroup == "braced" and _opened(shorter) != shorter:
            break  # `{a} + {b}`
        text = shorter
    return text


def _opened(text: str) -> str:
    """The text that follows an opening brace, without the brace that closes it."""
    depth = 0
    for brace in _BRACES.finditer(text):
        depth += (brace["open"] is not None) - (brace["close"] is not None)
        if depth < 0:
            return text[: brace.start()] + text[brace.end() :]
    return text
