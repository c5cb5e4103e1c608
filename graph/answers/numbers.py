r"""Exact values of literal numbers: `1,234`, `4\frac{2}{3}`, `1.2 \times 10^3`, `33+171`; never run as code.

Only digits, brackets and the signs of arithmetic are read. Anything else, and anything whose value would have more than
300 digits, has no value here.
"""

import re
from fractions import Fraction

_DIGITS = 300
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})|(?P<frac>\\frac)|(?P<times>\\times|\\cdot)|(?P<div>\\div)"
    r"|(?P<sign>[-+*/^(){}!]))"
)
# Inside brackets no comma is a thousands comma: `(1,234)` is a pair. The blanks of `2 0 4` stay: that is no 204.
_THOUSANDS = re.compile(
    r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])|(?<![\d.,])(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?! ?[\d,])"
)
_DIGIT_FRAC = re.compile(r"\\frac\s*(\d|\{[^{}]*\})\s*(\d|\{[^{}]*\})")


class _NoValue(Exception):
    """The text is no arithmetic of literal numbers, or too large."""


def with_plain_numbers(text: str) -> str:
    """The text without the commas or blanks between thousands."""
    return _THOUSANDS.sub(lambda number: re.sub(r"[, ]", "", number[0]), text)


def value_of(text: str) -> Fraction | None:
    r"""The exact value of arithmetic on literal numbers, or `None`.

    Args:
        text: TeX as `plain_tex` leaves it; `\frac12`, `2^{10}`, `5!` and mixed numbers are read.
    """
    if not re.search(r"\d", text) or len(text) > 400:
        return None
    text = with_plain_numbers(text.strip())
    text = _DIGIT_FRAC.sub(lambda frac: f"\\frac{_braced(frac[1])}{_braced(frac[2])}", text)
    try:
        reader = _Reader(text)
        value = reader.sum()
        return value if reader.done() else None
    except (_NoValue, ZeroDivisionError, RecursionError):
        return None


def _braced(argument: str) -> str:
    return argument if argument.startswith("{") else f"{{{argument}}}"


class _Reader:
    """Recursive descent over one text, left to right."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None or token.lastgroup is None:
                raise _NoValue
            self._tokens.append((token.lastgroup if token.lastgroup != "sign" else token["sign"], token[0].strip()))
            position = token.end()
            if text[position:].isspace():
                break
        self._at = 0
        self._depth = 0

    def done(self) -> bool:
        return self._at == len(self._tokens)

    def _next(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self, *kinds: str) -> str:
        kind = self._next()
        if kind not in kinds:
            raise _NoValue
        self._at += 1
        return self._tokens[self._at - 1][1]

    def sum(self) -> Fraction:
        self._depth += 1
        if self._depth > 40:
            raise _NoValue
        sign = -1 if self._next() in {"-", "+"} and self._take("-", "+") == "-" else 1
        total = sign * self._product()
        while self._next() in {"+", "-"}:
            total = total + self._product() if self._take("+", "-") == "+" else total - self._product()
        self._depth -= 1
        return _bounded(total)

    def _product(self) -> Fraction:
        value = self._power()
        while self._next() in {"*", "/", "times", "div"}:
            if self._take("*", "/", "times", "div") in {"/", "\\div"}:
                value /= self._power(signed=True)
            else:
                value *= self._power(signed=True)
            value = _bounded(value)
        return value

    def _power(self, *, signed: bool = False) -> Fraction:
        if signed and self._next() == "-":
            self._take("-")
            return -self._power()
        value = self._atom()
        marks = 0
        while self._next() == "!":
            self._take("!")
            marks += 1
        if marks:
            value = _factorial(value, step=marks)
        if self._next() == "^":
            self._take("^")
            exponent = self._group() if self._next() in {"{", "("} else Fraction(self._take("number")[:1])
            # `2^10` sets the 1 alone above the line, but means 2^{10}.
            if self._tokens[self._at - 1][0] == "number" and len(self._tokens[self._at - 1][1]) > 1:
                exponent = Fraction(self._tokens[self._at - 1][1])
            value = _raised(value, exponent)
        return value

    def _atom(self) -> Fraction:
        if self._next() == "number":
            written = self._take("number")
            value = Fraction(written)
            if self._next() == "frac" and written.isdecimal():
                part = self._fraction()
                if not part >= 0:
                    raise _NoValue
                return value + part
            if self._next() in {"number", "(", "{"}:
                raise _NoValue  # `2 0 4`, `2(3)`
            return value
        return self._fraction() if self._next() == "frac" else self._group()

    def _fraction(self) -> Fraction:
        self._take("frac")
        over = self._group("{")
        under = self._group("{")
        if self._next() in {"number", "frac", "(", "{"}:
            raise _NoValue
        return _bounded(over / under)

    def _group(self, *only: str) -> Fraction:
        opening = self._take(*(only or ("(", "{")))
        value = self.sum()
        self._take({"(": ")", "{": "}"}[opening])
        if self._next() in {"number", "(", "frac"} and opening == "(":
            raise _NoValue
        return value


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _DIGITS * 3.33:
        raise _NoValue
    return value


def _raised(value: Fraction, exponent: Fraction) -> Fraction:
    power = exponent.numerator
    size = max(value.numerator.bit_length(), value.denominator.bit_length())
    if exponent.denominator != 1 or abs(power) > 1000 or abs(power) * size > _DIGITS * 4 or (power < 0 and value == 0):
        raise _NoValue
    return _bounded(value**power)


def _factorial(value: Fraction, step: int) -> Fraction:
    """`6! = 720` for a step of 1, `6!! = 6 * 4 * 2` for one of 2."""
    if value.denominator != 1 or not 0 <= value <= 100 or step > 2:
        raise _NoValue
    product = 1
    for factor in range(value.numerator, 1, -step):
        product *= factor
    return Fraction(product)
