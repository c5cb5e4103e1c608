"""Numbers that name their base, such as `2516_8`, `101 base two` or `(52)_{eight}`."""

import re

_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16, "binary": 2, "octal": 8,
          "decimal": 10, "hexadecimal": 16}  # fmt: skip
_BASED = re.compile(
    rf"\s?(?P<digits>[0-9A-Za-z](?:[0-9A-Za-z ]*?[0-9A-Za-z])?)\s?(?:_"
    rf"|(?:in )?base\b(?:\s?-)?)\s?(?P<base>\d{{1,2}}|{'|'.join(_BASES)})\s?",
    re.IGNORECASE,
)
_AROUND = re.compile(r"(?:\\(?:text|mathrm)(?![A-Za-z])|[\s{}()$])+")


def parse_based(text: str) -> tuple[str, int] | None:
    """Digits and base of a number with a base, or `None`.

    Args:
        text: A number as it is written, such as `2516_{8}`.

    Returns:
        The digits in capitals without leading zeros, and the base as an integer.
    """
    if len(text) > 200 or ("_" not in text and "base" not in text.lower()):
        return None
    text = re.sub(r"\\[,;:! ]|~", " ", text)
    match = _BASED.fullmatch(_AROUND.sub(" ", text))
    if match is None:
        return None
    base = _BASES.get(match["base"].lower()) or int(match["base"])
    digits = match["digits"].replace(" ", "")
    # `a_1` and `x_{10}` are names; `A_{16}` is a number.
    named = len(digits) == 1 and digits.isalpha() and (base > 36 or int(digits, 36) >= base)
    return None if named or not 2 <= base <= 36 else (digits.lstrip("0").upper() or "0", base)


def value_in_base(based: tuple[str, int]) -> int | None:
    """The value of digits in their base; `None` where a digit is too large for it."""
    digits, base = based
    try:
        return int(digits, base)
    except ValueError:
        return None
