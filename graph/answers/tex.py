r"""TeX without what only changes its looks: fonts, sizes, colours, spaces, delimiters; nothing is evaluated."""

import re
from fractions import Fraction

from peerleap.graph.answers.signs import ascii_signs

LONGEST = 2000
"""Longer texts are left as they are: no answer has more characters."""
FONTS = r"text(?:bf|it|rm|sf|tt|normal|up)|math(?:bf|it|rm|sf|tt|normal)"
"""TeX's commands for fonts, as a pattern."""
_LAYERS = 64
_SIZES = re.compile(
    r"\\(?:[bB]igg?[lrm]?|displaystyle|textstyle|tiny|footnotesize|script(?:size|style)|small|normalsize|large|Large|LARGE|huge|Huge|bf|it|rm|sf|tt"
    r"|therefore|left|right|middle|limits|nolimits|mathstrut|strut|relax|nobreak)(?![A-Za-z])\s?"
)
_COLOUR = re.compile(r"\\(?:text)?color\s?\{[^{}]*\}")
_ROW_GAP = re.compile(r"\\\\\s?\[\s?-?[\d.]+\s?(?:pt|mm|cm|em|ex|in)\s?\]")
_FONT = re.compile(
    r"\\(?:(?:text|mbox|textrm|textnormal)(?=\s?\{(?:[\s\d.,:$\\+%-]|and|or)*\})"
    rf"|(?:{FONTS}|boldsymbol|bm|underline|fbox|ensuremath|mathnormal)(?=\s?\{{(?:[-+$\d(]|\\[A-Za-z]|[ie]\}}))"
    r"|(?:boldsymbol|bm|mathbf|mathit|mathnormal|pmb)(?=\s?\{[A-Za-z]\})|(?:hbox|emph|textsc|mathop"
    r"|mathord)(?=\s?\{))\s?\{"
)
_BRACELESS = re.compile(r"(\\(?:vec|hat|bar|mathbf|boldsymbol|mathbb|mathrm))\s+([A-Za-z])(?![A-Za-z])")
_TEXT = re.compile(
    r"\\(?:mbox|hbox|textrm|textup|textnormal|textit|textbf|textsf|texttt|mathrm|mathbf|mathit|mathsf|mathtt"
    r"|rm)(?=\s?\{[^{}]*[A-Za-z]{2})"
)
_AROUND = re.compile(
    r"\\\((?P<inline>.+)\\\)|\\\[(?P<display>.+)\\\]|\$\$?(?P<dollars>[^$]+)\$\$?|\{(?P<braced>.+)(?<!\\)\}"
    r"|\*\*(?P<bold>[^*]+)\*\*|`(?P<code>[^`]+)`|\"(?P<quoted>[^\"]+)\"",
    re.DOTALL,
)
_BRACES = re.compile(r"\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)
_GROUPED = re.compile(r"(?<=[^\\]\{)\d{1,3}(?:,\d{3})+(?=\})")
_FULL_STOP = re.compile(r"(?<![.\d])[.;,](?P<closed>\s?\})?\s*$|(?<=\d)[.;,]\s*$")
_LONG_BLANK = re.compile(r"\s{3,}")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,?(?:\\[,!:;]|\{,\\!\}|\\hspace\{[^{}]*\})\s?)(?=\d{3})")
_THIN = re.compile(r"(?<!\\)\\[,:;!>]|\\(?:thinspace|negthinspace|enspace|,)(?![A-Za-z])")
_WIDE = re.compile(
    r"(?<!\\)\\ |~|\\(?:q?quad|space|nobreakspace|hfill)(?![A-Za-z])|\\(?:[hv]space\*?|[hv]?phantom)\s?\{[^{}]*\}"
)
_REPEATING = re.compile(
    r"(?<![\d.])(?P<whole>\d{0,20})\.(?P<once>\d{0,20})"
    r"(?:\\(?:overline|bar|dot|overbar)\s?(?:\{(?P<again>\d{1,20})\}|(?P<digit>\d))(?:\s?\\ldots)?"
    r"|\(?(?P<dots>\d{1,6})\)?(?P=dots){1,6}(?:\.{3}|\\[lc]?dots(?![A-Za-z])))"
    r"|(?<![\d.A-Za-z)}])(?P<whole2>\d{0,20})\.(?P<once2>\d{0,20})\((?P<again2>\d{1,20})\)$"
)
_BUILT = re.compile(
    r"^\s?\\?\{\s?[a-z]\s?(?:\\in\s?\\mathbb\s?(?:\{\s?R\s?\}|R)\s?)?"
    r"(?:\||:|\\(?:mid|vert|colon)(?![A-Za-z]))(?P<condition>[^,{}:|]+?)\\?\}\s?$"
)
_SYSTEM = re.compile(
    r"(?P<open>\\?\{\s?)?\\begin\s?\{(?P<kind>cases|aligned|align\*?|gathered|equation\*?|split|array)\}(?:\{[^{}]*\})?"
    r"(?P<rows>.*)\\end\s?\{(?P=kind)\}[\s.]*",
    re.DOTALL,
)
_IF = re.compile(r"^(?:\\text\s?\{)?\s?(?:if|for|when)\s?(?:\}|(?=\s))\s?|[\s,.;]+(?=\}?$)")
# The option that an answer is, before the answer: `\textbf{(B)}\ 12`.
_LABEL = re.compile(
    r"^(?:\([A-E]\)\s|\\(?:text|mathrm)\s?\{\s?\(?[A-E][).]\s?\}\s?)(?=[^\s+*/=^<>])(?!-\s|\\(?:cdot|times|[lg]e|cup|cap|in|to)\b)"
    r"|^\\text\s?\{\s?\(?[A-E][).]\s?(?P<said>[^{}]*\d[^{}]*)\}$"
)
_RELATION = re.compile(r"[<>]|\\(?:[lg](?:eq?|t)|neq?)(?![A-Za-z])")
_ELEMENT = re.compile(r"\\in(?![A-Za-z])")
_SPELLINGS = [
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"\\text\s?\{\s?([+-]?(?:\\?\$)?\d[\d,.:]*)(\s[A-Za-z][^{}]*)\}", r"\1\\text{\2}"),
        (r"(?<![\d:])0(\d:\d\d)(?!\d)", r"\1"),
        (r"(?<=\d):00(?=\s?(?:\\text\s?\{\s?)?(?i:[ap]\.?m))", ""),
        (r"\\(?:[cl]?dots[bc]?)(?![A-Za-z])|\.{3,}", r"\\ldots "),
        (r"^(?=\\\{[^|:{}]*[A-Za-z)])(\\\{[^|:]*?)\s?(?::|\||\\(?:mid|vert|colon)(?![A-Za-z]))\s?", r"\1 \\mid "),
        (r"\\(?:[dtcs]|nice)frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\{\s?([^{}]*?)\s?\\choose(?![A-Za-z])\s?([^{}]*)\}", r"\\binom{\1}{\2}"),
        (r"^\s?([^{}\\^+=,-]+?)\s?\\choose(?![A-Za-z])\s?(\w+)\s?$", r"\\binom{\1}{\2}"),
        (r"\\binom\s?(\w)\s?(?=[\w{])", r"\\binom{\1}"),
        (r"\\binom\s?(\{[^{}]*\})\s?(\w)", r"\\binom\1{\2}"),
        (r"\\(sqrt\s?\[[^\[\]]{1,9}\])\s?(\d|[A-Za-z])", r"\\\1{\2}"),
        (r"(?<=\d)\s?(?=\\binom)", r"\\cdot "),
        (r"\^\s?(?:\{\s?\\prime\s?\}|\\prime(?![A-Za-z]))", "'"),
        (r"\^\s?(?:\{\s?\\top\s?\}|\\top(?![A-Za-z]))", "^T"),
        (r"\\lg(?![A-Za-z])", r"\\log_{10}"),
        (r"\\var(epsilon|phi|theta|rho)(?![A-Za-z])", r"\\\1"),
        (r"\{:\}|\\colon(?![A-Za-z])", ":"),
        (r"&(lt|gt|le|ge);", r"\\\1 "),
        (r"\\leq(?:slant)?(?![A-Za-z])", r"\\le "),
        (r"\\geq(?:slant)?(?![A-Za-z])", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\ne(?![A-Za-z])", r"\\neq "),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (r"(?<![\d)}])!=", r"\\neq "),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\(?:lbrack)(?![A-Za-z])", "["),
        (r"\\(?:rbrack)(?![A-Za-z])", "]"),
        (r"\\[lr]?vert(?![A-Za-z])", "|"),
        (r"\\(?:varnothing|O|o)(?![A-Za-z])", r"\\emptyset "),
        (r"\\\{\s?\\\}", r"\\emptyset "),
        (r"\\mathbf\s?\{([RZNQC])\}|\\mathbb\s?([RZNQC])(?![A-Za-z])|\\Bbb\s?\{?([RZNQC])\}?", r"\\mathbb{\1\2\3}"),
        (r"\\(?:setminus|backslash)(?![A-Za-z])", r"\\setminus "),
        (r"\\degree\b|(?<=\d)\s?\\deg\b", r"^\\circ "),
        (r"\^\s?\{\s?\\circ\s?\}|(?<=\d)\s?\\circ(?![A-Za-z])|\^\s?\\circ(?![A-Za-z])", r"^\\circ "),
        (r"\\(?:arc(sin|cos|tan))(?![A-Za-z])|(?<![\\A-Za-z])arc(sin|cos|tan)(?![A-Za-z])", r"\\arc\1\2 "),
        (r"\\(?:bmod|mod)(?![A-Za-z])", r"\\bmod "),
        (r"(?<![A-Za-z\\])sqrt\s?\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![A-Za-z\\])(?:infty|infinity|inf|oo)(?![A-Za-z])", r"\\infty "),
        (r"(?<=[\w)}])\s?\*\*\s?(?=[\w({\\-])", "^"),
        (r"(?<=[0-9A-Za-z)}])\s?\*\s?(?=[0-9A-Za-z(\\])", r"\\cdot "),
        (r"\\(?:operatorname\s?\{(?:or|and)\})", lambda m: "\\text{ " + ("or" if "or}" in m[0] else "and") + " }"),
        (r"\\frac\s?\\pi\s?(?=[\d{])", r"\\frac{\\pi}"),
        (r"\\mathrm\s?\{e\}", "e"),
        (r"\\_", "_"),
        (r"\\forall(?![A-Za-z])", r"\\text{ for all }"),
        (r"(?<![A-Za-z\\])(sin|cos|tan|cot|sec|csc|log|ln|exp)(?![A-Za-z])(?=\s?[\d({\\^_A-Za-z])", r"\\\1 "),
    )
]  # fmt: skip


def plain_tex(text: str) -> str:
    r"""The same mathematics without what only changes its looks.

    Fonts around words become `\text{}`, since words tell units and sentences from variables.

    Args:
        text: An answer, usually the inside of a box; one that is longer than 2,000 characters is returned as it is.
    """
    if len(text) > LONGEST:
        return text
    # A blank at the end has lost all but its backslash.
    text = _LONG_BLANK.sub("  ", ascii_signs(text.rstrip(" \t\r\n\\")))
    text = _COLOUR.sub("", _SIZES.sub("", _ROW_GAP.sub(r"\\\\", text)))
    text = _BRACELESS.sub(r"\1{\2}", text)
    while font := _FONT.search(text):
        text = text[: font.start()] + opened(text[font.end() :])
    text = _TEXT.sub(r"\\text", text)
    text = _GROUPED.sub(lambda number: number[0].replace(",", ""), _THOUSANDS.sub(",", text))
    text = _WIDE.sub(" ", re.sub(r"(?<=\d)(?:\\[,!:;])(?=\d)", "", text))
    text = _THIN.sub(" ", text)
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    # Twice: `{x | x > 2}` is read before its braces go, and `$0.\bar{3}$.` after its dollars and full stop did.
    for _ in range(2):
        text = _usual_notation(_FULL_STOP.sub(lambda stop: stop["closed"] or "", bare(text)).strip())
    return _LABEL.sub(lambda label: label["said"] or "", text)


def bare(text: str) -> str:
    """The text without braces, quotes or signs of mathematics around the whole of it."""
    text = text.strip()
    for _ in range(_LAYERS):
        inside = _AROUND.fullmatch(text)
        if inside is None:
            break
        shorter = inside[inside.lastindex or 0].strip()
        if inside.lastgroup == "braced" and opened(shorter) != shorter:
            break  # `{a} + {b}`
        text = shorter
    return text


def opened(text: str) -> str:
    """The text that follows an opening brace, without the brace that closes it."""
    depth = 0
    for brace in _BRACES.finditer(text):
        depth += (brace["open"] is not None) - (brace["close"] is not None)
        if depth < 0:
            return text[: brace.start()] + text[brace.end() :]
    return text


def _usual_notation(text: str) -> str:
    """Repeating decimals as fractions, mixed and scientific numbers in TeX, a set of reals as its condition."""
    text = _REPEATING.sub(_ratio, text)
    text = re.sub(r"(?<![\d.A-Za-z])(\d{1,30}(?:\.\d{0,30})?)[eE]([+-]?)(\d{1,3})(?![\d.A-Za-z])", _scientific, text)
    text = re.sub(r"(?<![\d./])(\d{1,30})(?:\s{1,3}|-(?=\d+/))(\d{1,30})/(\d{1,30})\s?$", r"\1\\frac{\2}{\3}", text)
    text = _without_rows(text)
    built = _BUILT.match(text)
    if built is None or not _RELATION.search(built["condition"]) or _ELEMENT.search(built["condition"]):
        return text
    return built["condition"].strip()


def _without_rows(text: str) -> str:
    """A system of equations as the list that it is; the cases of a function with one spelling of their conditions."""
    system = _SYSTEM.fullmatch(text[text.find("=") + 1 :].strip() if re.match(r"[^\\={]*=", text) else text)
    if system is None or (system["kind"] == "array" and not system["open"]) or "\\begin" in system["rows"]:
        return text
    head = text[: text.find(system[0])]
    rows = [row.strip() for row in re.split(r"\\\\", system["rows"]) if row.strip()]
    cells = [[_IF.sub("", cell.strip()) for cell in row.split("&")] for row in rows]
    if any(len(row) == 2 and row[1] and "=" not in row[1][:1] for row in cells) and system["kind"] in {
        "cases",
        "array",
    }:
        pieces = "\\\\".join(sorted("&".join(row) for row in cells))
        return f"{head}\\begin{{cases}}{pieces}\\end{{cases}}"
    whole = head
    for row in cells:
        joined = "".join(row).strip(" ,;")
        whole += joined if not whole or joined.startswith("=") or whole.endswith("=") else f", {joined}"
    return whole


def _scientific(number: re.Match[str]) -> str:
    return f"{number[1]} \\times 10^{{{number[2].replace('+', '')}{int(number[3])}}}"


def _ratio(decimal: re.Match[str]) -> str:
    once = decimal["once"] or decimal["once2"] or ""
    again = decimal["again"] or decimal["digit"] or decimal["dots"] or decimal["again2"]
    whole = (decimal["whole"] or decimal["whole2"] or "") + once
    ratio = Fraction(int(whole + again) - int(whole or "0"), (10 ** len(again) - 1) * 10 ** len(once))
    return str(ratio) if ratio.denominator == 1 else f"\\frac{{{ratio.numerator}}}{{{ratio.denominator}}}"
