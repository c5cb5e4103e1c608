r"""Unicode signs as TeX or ASCII, so that `√2`, `x²`, `（1，2）` and `\sqrt{2}`, `x^2`, `(1,2)` are read alike."""

import re
import unicodedata

_GREEK = {
    unicodedata.lookup(f"GREEK {size} LETTER {name.upper()}"): f"\\{name if size == 'SMALL' else name.capitalize()} "
    for size, names in (
        (
            "SMALL",
            "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho sigma tau phi chi psi omega",
        ),
        ("CAPITAL", "gamma delta theta xi pi sigma phi psi omega"),
    )
    for name in names.split()
}
_LAMBDA = {"λ": r"\lambda ", "Λ": r"\Lambda ", "ϕ": r"\phi ", "φ": r"\phi ", "ϵ": r"\epsilon ", "ε": r"\epsilon "}
_MATHS = {
    "×": r"\times ", "⋅": r"\cdot ", "·": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "÷": r"\div ", "∗": "*",
    "±": r"\pm ", "∓": r"\mp ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≦": r"\le ", "≧": r"\ge ",
    "≠": r"\neq ", "≈": r"\approx ", "≃": r"\approx ", "≅": r"\cong ", "≡": r"\equiv ", "∼": r"\sim ",
    "∈": r"\in ", "∉": r"\notin ", "∪": r"\cup ", "∩": r"\cap ", "⊂": r"\subset ", "⊆": r"\subseteq ",
    "∖": r"\setminus ", "∅": r"\emptyset ", "∞": r"\infty ", "∣": "|", "∥": r"\parallel ", "⊥": r"\perp ",
    "∠": r"\angle ", "△": r"\triangle ", "∀": r"\text{ for all }", "∃": r"\exists ", "∧": r"\land ", "∨": r"\lor ",
    "⇒": r"\Rightarrow ", "→": r"\to ", "∴": "", "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ",
    "〉": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∑": r"\sum ",
    "∏": r"\prod ", "∫": r"\int ", "∂": r"\partial ", "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "′": "'",
    "℃": r"^\circ C", "℉": r"^\circ F", "∶": ":",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
    "⁄": "/", "∕": "/", "…": r"\ldots ", "⋯": r"\cdots ", "ℓ": "l", "ø": r"\emptyset ", "Ø": r"\emptyset ",
}  # fmt: skip
_DASHES = dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-")
_BLANKS = dict.fromkeys(map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)), " ")
_NOTHING = dict.fromkeys(("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u2061", "\u2062", "\ufe0f"), "")
_EAST = {
    "、": ", ", "。": ".", "【": "[", "】": "]", "〔": "[", "〕": "]", "「": '"', "」": '"', "《": "", "》": "",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'",
}  # fmt: skip
_SIGNS = str.maketrans({**_NOTHING, **_BLANKS, **_DASHES, **_EAST, **_MATHS, **_GREEK, **_LAMBDA})
# Full-width forms, compatibility units such as `㎝`, and the alphabets of mathematics; a raised digit is none of them.
_COMPATIBLE = re.compile("[\uff01-\uff5e\uffe0-\uffe6\u3380-\u33df\U0001d400-\U0001d7ff]")
_VULGAR = re.compile(r"(?P<whole>(?<![\d.])\d{1,30}\s?)?(?P<part>[¼-¾⅐-⅞↉])")
_WORDS = r"(?P<words>\\(?:text|mathrm|mbox)\s?\{[^{}]*\})"
_RAISED = re.compile(_WORDS + r"|(?P<signs>[⁰¹²³⁴-⁹⁺⁻⁽⁾ⁿⁱˣʸᵃ-ᶿ]+)")
_LOWERED = re.compile(_WORDS + r"|(?P<signs>[₀-₎ₐ-ₜᵢ-ᵥⱼ]+)")
# The bar or dot over the digits of a repeating decimal stands behind each of them.
_BARRED = re.compile(r"(?<=[.\d])(?:\d[\u0304\u0305\u0307])+")
_ROOTS = re.compile("[√∛∜]")
_RADICAND = re.compile(r"\s?(?:\\frac\s?\{[^{}]*\}\{[^{}]*\}|\d+(?:\.\d+)?|\\?[A-Za-z]+(?<=\\pi)|[A-Za-z])")


def ascii_signs(text: str) -> str:
    r"""The text with Unicode signs written as TeX.

    Args:
        text: An answer of any length; raised signs inside `\text{}` (units such as `cm²`) stay.

    Returns:
        Text in which roots, powers, indices, fractions, relations, Greek and full-width signs are TeX or ASCII.
    """
    if text.isascii():
        return text
    text = _COMPATIBLE.sub(lambda sign: unicodedata.normalize("NFKC", sign[0]), text)
    text = _BARRED.sub(lambda run: f"\\overline{{{''.join(filter(str.isdigit, run[0]))}}}", text)
    text = _VULGAR.sub(_vulgar, text)
    text = _RAISED.sub(lambda run: run["words"] or f"^{{{_flat(run['signs'])}}}", text)
    text = _LOWERED.sub(lambda run: run["words"] or f"_{{{_flat(run['signs'])}}}", text)
    return _with_roots(text.translate(_SIGNS))


def _flat(signs: str) -> str:
    return unicodedata.normalize("NFKC", signs).replace("\N{MINUS SIGN}", "-")


def _vulgar(number: re.Match[str]) -> str:
    over, _, under = unicodedata.normalize("NFKC", number["part"]).partition("\N{FRACTION SLASH}")
    return f"{(number['whole'] or '').strip()}\\frac{{{over}}}{{{under}}}"


def _with_roots(text: str) -> str:
    parts: list[str] = []
    position = 0
    for root in _ROOTS.finditer(text):
        if root.start() < position:
            continue  # a root inside the radicand of the last one
        parts.append(text[position : root.start()])
        parts.append("\\sqrt" + {"√": "", "∛": "[3]", "∜": "[4]"}[root[0]])
        position = root.end()
        radicand = _RADICAND.match(text, position)
        if text.startswith("(", position) and (end := _closing(text, position)) > 0:
            parts.append(f"{{{_with_roots(text[position + 1 : end])}}}")
            position = end + 1
        elif radicand is not None:
            parts.append(f"{{{radicand[0].strip()}}}")
            position = radicand.end()
    parts.append(text[position:])
    return "".join(parts)


def _closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` closes, or -1; far brackets are none of a root's."""
    depth = 0
    for place in range(start, min(len(text), start + 200)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return -1
