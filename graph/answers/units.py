r"""Words after a number: a unit, which says nothing (`5 cm`), or what makes it another number (`5 million`)."""

import re
from fractions import Fraction
from typing import NamedTuple

SCALES = {
    "dozen": 12, "dozens": 12, "hundred": 100, "thousand": 10**3, "lakh": 10**5, "lakhs": 10**5, "million": 10**6,
    "mn": 10**6, "crore": 10**7, "crores": 10**7, "billion": 10**9, "bn": 10**9, "trillion": 10**12,
    "quadrillion": 10**15, "quintillion": 10**18, "sextillion": 10**21, "septillion": 10**24, "octillion": 10**27,
    "nonillion": 10**30, "decillion": 10**33, "百": 100,
    "千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8,
}  # fmt: skip
_LETTER_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_PARTS = (
    r"hal(?:f|ves)|thirds?|quarters?|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|twelve|thirteen|fourteen"
    r"|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twentie|thirtie|fortie|fiftie|sixtie|seventie|eightie|ninetie|hundred|thousand"
    r"|million"
    r"|billion|trillion|[nmk])-?ths?"
)
# Not the commands: `\sqrt` and `\pi` are mathematics.
_CHANGING = re.compile(
    rf"(?<![\\A-Za-z])(?:{_PARTS}|{'|'.join(word for word in SCALES if word.isascii())}"
    r"|\w+illions?|hundreds|thousands|score|scores|gross|myriads?|or|and|to|over|under|above|below|pi|squared"
    r"|cubed|factorial|root|roots|sqrt"
    r"|choose|plus|minus|times|divided|multiplied|squares?(?= of)|more|less|fewer|greater|smaller|than|least|most"
    r"|between"
    r"|remainder|basis|bps|permille|ppm|ppb|double|twice|thrice|triple|pairs?|without|except"
    r"|is|are|was|were|be|been|being|am|has|have|had|does|did|do|can|cannot|could|would|should|may|might|must|will"
    r"|shall"
    r"|isn|aren|not|no|never|none|nor|neither|wrong|incorrect|false|impossible|invalid|but|if|unless|instead|maybe"
    r"|perhaps"
    r"|possibly|probably|mod|modulo|base|ago|because|exceeds?|short|off|extra|remaining or)(?![A-Za-z])"
    r"|千(?![克米瓦])|[是对错误]|分之|[百万萬亿億半多余不非或和与至到以折]",
    re.IGNORECASE,
)
# Words of two letters that follow a number in prose or are its unit; others are products of variables: `5 xy`.
_SHORT = (
    "am|as|at|by|cc|cl|cm|cu|dl|do|ev|ft|gb|gm|gw|ha|he|hr|hz|in|it|kb|kg|kj|km|kn|kv|kw|lb|mb|me|mg|mi|ml|mm|mv|mw|my|nm|of"
    "|ok|on|oz|pa|pm|pt|qt|so|sq|tb|th|up|us|we|yd"
)
_PRODUCT = re.compile(rf"(?!(?:{_SHORT})$)[a-z]{{2}}|abc|ijk|lmn|pqr|rst|uvw|xyz|abcd|wxyz", re.IGNORECASE)
# The degree sign behind a function is its argument's.
_ANGLE = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])|\\circ(?![A-Za-z])|[A-Za-z]\s?[-+]|[-+]\s?\d*[A-Za-z]")
_FUNCTIONS = re.compile(
    r"^(?:sin|cos|tan|cot|sec|csc|log|ln|exp|max|min|gcd|lcm|det|dim|arcsin|arccos|arctan|sqrt|mod)\b"
)
_POWER = r"(?:\s?\^\s?\{?\s?-?[1-3]\s?\}?)?"
_TEXT_UNIT = rf"(?:\\(?:text|mathrm)\s?\{{[^{{}}]*\}}{_POWER}|\\(?:mu|Omega|ell)(?![A-Za-z]))"
_TAIL = re.compile(
    rf"(?P<text>(?:(?:\s|\\cdot|\\times|/){{0,3}}{_TEXT_UNIT}){{1,4}})\s?$"
    rf"|(?P<letter>\s+[msghlLNJWVA]{_POWER})\s?$"
    rf"|(?P<word>(?:\s+[A-Za-z][A-Za-z\-]*(?:[./'][A-Za-z]*)*){{1,8}}{_POWER})\s?$"
    rf"|(?P<glued>(?<=\d)(?:[kcmd]?[mgl]|ft|hrs?|mins?|secs?|mph|kmh|km/h|m/s|cm|mm|km|kg|mg|ml){_POWER})\s?$"
    r"|(?P<sign>\s?(?:\\?%|\^\\circ\s{0,3}(?:[CF]|\\mathrm\{[CF]\})?(?![A-Za-z])|\\?\$|[€£¥₹元円¢]))\s?$"
    r"|(?P<east>\s?[\u4e00-\u9fff]{1,8}(?:/[\u4e00-\u9fff]{1,4})?)\s?$"
    r"|(?P<ordinal>(?<=\d)\s?(?:\^\{?|\\text\{\s?)?(?:\^\{?\s?)?(?:\\text\{\s?)?(?:st|nd|rd|th)\s?\}{0,2})\s?$"
)
_MONEY = re.compile(
    r"^\s?(?P<sign>[+-]?)\s?(?:\\text\s?\{\s?)?(?P<money>(?:US|A|C|NT|HK|S)?\s?\\?\$|[€£¥₹]"
    r"|(?:USD|EUR|GBP|CAD|AUD|INR|CNY|RMB|JPY|CHF|Rs\.?)(?![A-Za-z]))(?:\s|~){0,2}(?:\}\s?)?(?=[+-]?[\d.\\])"
)
_NUMBER = re.compile(r"(?:[-+.,\d\s^{}()]|\\(?:d?frac|times|cdot|[,! ;]|pm))+")
_FRACTIONAL_UNIT = re.compile(
    r"\s?\\frac\s?\{\s?\\text\s?\{[^{}]*\}\s?\}\s?\{\s?\\text\s?\{[^{}]*\}" + _POWER + r"\s?\}\s?$"
)
# Units that measure the same, by their size.
_KINDS: dict[str, dict[str, str | int]] = {
    "length": {"nm": "1/1000000000", "mum": "1/1000000", "mm": "1/1000", "millimeter": "1/1000", "cm": "1/100",
               "centimeter": "1/100", "centimetre": "1/100", "m": 1, "meter": 1, "metre": 1, "km": 1000,
               "kilometer": 1000, "kilometre": 1000, "inch": "127/5000", "in": "127/5000", "foot": "381/1250",
               "feet": "381/1250", "ft": "381/1250", "yard": "1143/1250", "yd": "1143/1250", "mile": "201168/125",
               "mi": "201168/125", "nautical mile": 1852, "厘米": "1/100", "米": 1, "千米": 1000, "公里": 1000,
               "毫米": "1/1000"},
    "time": {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "hr": 3600, "h": 3600,
             "day": 86400, "week": 604800, "秒": 1, "分钟": 60, "小时": 3600, "时": 3600, "天": 86400},
    "months": {"month": 1, "year": 12, "yr": 12},
    "mass": {"mg": "1/1000", "g": 1, "gram": 1, "kg": 1000, "kilogram": 1000, "lb": "45359237/100000",
             "pound": "45359237/100000", "ounce": "45359237/1600000", "oz": "45359237/1600000", "克": 1, "千克": 1000},
    "length^2": {"acre": "4046.8564224", "hectare": 10000, "ha": 10000},
    "length^3": {"ml": "1/1000000", "milliliter": "1/1000000", "l": "1/1000", "liter": "1/1000", "litre": "1/1000",
                 "gallon": "0.003785411784", "quart": "0.000946352946", "pint": "0.000473176473",
                 "升": "1/1000", "毫升": "1/1000000"},
    "dollars": {"cent": "1/100", "¢": "1/100", "dollar": 1, "$": 1, "usd": 1, "us$": 1, "buck": 1, "美元": 1},
    "euros": {"€": 1, "euro": 1, "eur": 1}, "pounds sterling": {"£": 1, "gbp": 1}, "yen": {"jpy": 1, "円": 1},
    "rupees": {"₹": 1, "rs": 1, "inr": 1, "rupee": 1}, "yuan": {"元": 1, "cny": 1, "rmb": 1, "yuan": 1},
    "share": {"%": "1/100", "percent": "1/100"},
    "angle": {"°": 1, "degree": 1, "度": 1}, "radians": {"radian": 1, "rad": 1},
    "celsius": {"°c": 1}, "fahrenheit": {"°f": 1}, "force": {"n": 1, "newton": 1, "kn": 1000},
    "energy": {"j": 1, "joule": 1, "kj": 1000},
    "electronvolts": {"ev": 1, "kev": 1000, "mev": 10**6, "gev": 10**9}, "power": {"w": 1, "watt": 1, "kw": 1000},
    "voltage": {"v": 1, "volt": 1, "kv": 1000}, "current": {"a": 1, "amp": 1, "ampere": 1, "ma": "1/1000"},
    "resistance": {"ohm": 1, "omega": 1}, "charge": {"coulomb": 1}, "capacitance": {"farad": 1},
    "pressure": {"pa": 1, "pascal": 1, "kpa": 1000, "atm": 101325}, "heat": {"cal": 1, "calorie": 1, "kcal": 1000},
    "data": {"bit": 1, "byte": 8}, "amount": {"mol": 1, "mole": 1}, "morning": {"am": 1}, "afternoon": {"pm": 1},
    "frequency": {"hz": 1, "hertz": 1, "khz": 1000, "mhz": 10**6, "ghz": 10**9},
}  # fmt: skip
_SIZES: dict[str, tuple[str, Fraction]] = {
    name: (kind, Fraction(size)) for kind, names in _KINDS.items() for name, size in names.items()
}
_RATES = {"mph": "mile/hour", "kmh": "km/h", "kph": "km/h", "kmph": "km/h", "knot": "nautical mile/hour"}
_POWERS = {"sq": 2, "平": 2, "cu": 3, "立": 3}
_FACTOR = re.compile(r"(?P<raised>square |sq\.? ?|cubic |cu\.? |平方|立方)?(?P<base>[^\d^]+?)(?:\^(?P<power>-?\d))?")


class Unit(NamedTuple):
    """What follows a number or stands before it."""

    head: str
    """The number without it."""
    name: str
    """Its words, in small letters and in the singular."""
    scale: int
    """What the words multiply the number by."""


def split_unit(text: str) -> Unit | None:
    """A number and its unit; `None` where there is none, or where the words after it make it another number."""
    money = _MONEY.match(text)
    name = ""
    if money is not None:
        name, text = _named(money["money"]), money["sign"] + _balanced(text[money.end() :])
    scale, found = 1, money is not None
    for _ in range(3):
        fraction = _FRACTIONAL_UNIT.search(text)
        tail = fraction or _TAIL.search(text)
        if tail is None or not (head := text[: tail.start()].rstrip()) or not re.search(r"[\d)}\]!A-Za-z.]$", head):
            break
        words = _words(tail[0])
        scaled = None if fraction else _scaled(tail, words, money is not None)
        if scaled is None:
            if changes_number(words) or (tail.lastgroup == "word" and not _is_unit(words, head)):
                return None
            if tail.lastgroup == "letter" and not _NUMBER.fullmatch(head):  # `x + 5 m` has variables
                return None
            if tail.lastgroup in {"sign", "east"} and not re.search(r"[\d)}]$", head):
                break
            if "circ" in tail[0] and _ANGLE.search(head):
                break
            named = _named(tail[0])
            name = named + name if named == "°" and name in {"c", "f"} else name or named
        else:
            scale, rest = scale * scaled[0], scaled[1]
            name = name or _named(rest)
        text, found = head, True
    return Unit(text.strip(), name, scale) if found else None


def changes_number(words: str) -> bool:
    """Whether words make the number beside them another one, deny it, or are a sentence."""
    return _CHANGING.search(words) is not None


def unit_ratio(gold: str, answer: str) -> Fraction | None:
    """How many of the gold answer's units one of the answer's is; `None` where they measure different things.

    Units that are not in the table (`apples`), or of which one side names none, say nothing: the ratio is 1.
    """
    theirs, ours = _measured(gold), _measured(answer)
    if theirs is None or ours is None or {gold[:1], answer[:1]} == {"°"} == {gold, answer} & {"°"}:
        return Fraction(1)
    if "pound" in {gold, answer} and "pounds sterling" in {theirs[0], ours[0]}:
        return Fraction(1)
    return ours[1] / theirs[1] if theirs[0] == ours[0] else None


def _measured(name: str) -> tuple[str, Fraction] | None:
    """What a unit measures and its size: one of the table, its square or cube, or one of them by another."""
    kind, size = "", Fraction(1)
    for sign, factor in zip(
        ("", "/"), re.split(r"\s?(?:/|\bper\b)\s?", _RATES.get(name, name), maxsplit=1), strict=False
    ):
        found = _FACTOR.fullmatch(factor)
        base = found and (_SIZES.get(found["base"]) or _SIZES.get(_singular(found["base"])))
        if not found or not base or (sign and kind not in {"length", "mass", "length^3"}):
            return None  # wages and prices are compared as amounts of money
        power = int(found["power"] or _POWERS.get((found["raised"] or "")[: 1 if "方" in factor else 2], 1))
        kind += f"{sign}{base[0]}" + (f"^{power}" if power != 1 else "")
        size *= base[1] ** (-power if sign else power)
    return kind, size


def is_product(word: str) -> bool:
    """Whether letters after a number are variables: `xy` in `5 xy`, not `cm`."""
    return _PRODUCT.fullmatch(word) is not None


def _scaled(tail: re.Match[str], words: str, money: bool) -> tuple[int, str] | None:
    """What the first word multiplies by, and the words after it."""
    if (
        tail["text"]
        and not tail["text"][:1].isspace()
        and (inside := re.fullmatch(r"\\text\s?\{([kKMBT])\s?\}", tail["text"]))
    ):
        return (_LETTER_SCALES[inside[1]], "") if money or inside[1] == "k" else None
    first, _, rest = words.strip().partition(" ")
    if first.lower() in SCALES and not changes_number(rest):
        return SCALES[first.lower()], rest
    if (
        tail["east"]
        and words[:1] in SCALES
        and not words.startswith(("千克", "千米", "千瓦"))
        and not changes_number(words[1:])
    ):
        return SCALES[words[0]], words[1:]
    return None


def _is_unit(words: str, head: str) -> bool:
    if (
        (_FUNCTIONS.match(words.strip()) and words.strip() != "min")
        or not re.search(r"[\d)}]$|\d\.$", head)
        or not re.search(r"[\d\\]", head)
    ):
        return False
    first, *_ = parts = re.sub(r"\^.*", "", words).split()
    return not any(is_product(part) for part in parts) and (len(first) > 2 or not is_product(first)) and len(first) > 1


def _words(tail: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\\text\s?\{|[{}]", " ", tail)).strip()


def _named(words: str) -> str:
    r"""One name for a unit's spellings: `\text{ Dollars}` and `\$` differ, `cents` and `cent` do not."""
    name = re.sub(
        r"\\(?:text|mathrm)\s?\{|\\cdot|\\times|[{}\\]|\bper cent\b", lambda m: "%" if "cent" in m[0] else "", words
    )
    name = name.replace("^circ", "°").strip(" .~").casefold()
    if name.startswith(("°", "degree")):
        scale = re.search(r" ?(?:[cf]|celsius|fahrenheit)$", name)
        return f"°{scale[0].strip()[0]}" if scale else "°"
    if name.startswith("percent"):
        return "%"
    name = name.replace("a.m", "am").replace("p.m", "pm")
    return _singular(name)


def _singular(name: str) -> str:
    shorter = name[:-1] if len(name) > 3 and re.search(r"[^\Ws]s$", name) else name
    return "inch" if shorter == "inche" else shorter


def _balanced(text: str) -> str:
    return (
        text[:-1]
        if text.count("}") - text.count("\\}") > text.count("{") - text.count("\\{") and text.endswith("}")
        else text
    )
