"""Answers in words: names, sentences, and numbers with a word that changes them; algebra would read them as letters."""

import re

from peerleap.graph.answers.nodes import Value
from peerleap.graph.answers.split import well_formed
from peerleap.graph.answers.units import changes_number, is_product

_TEXT = re.compile(r"\\text\s?\{([^{}]*)\}")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_KNOWN = re.compile(
    r"(?:sin|cos|tan|cot|sec|csc|log|ln|exp|max|min|gcd|lcm|det|arcsin|arccos|arctan|sinh|cosh|tanh|abc|ijk|xyz"
    r"|uvw|abcd|wxyz)$"
)
_NOTHING = re.compile(
    r"^(?:there (?:is|are) )?(?:no|zero) (?:such )?(?:real |integer |positive |rational |valid "
    r"|other )*(?:solutions?|roots?|values?|numbers?|integers?)(?: exists?)?$|^none$|^empty set$|^无解$",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"^(?:all|any|every|the set of(?: all)?) (?P<kind>real|(?:real|rational|complex|natural)(?: numbers?|s)"
    r"|(?:positive )?integers?)(?: [a-z])?$",
    re.IGNORECASE,
)
_UNDEFINED = re.compile(r"^(?:dne|(?:it |the limit )?does(?: not|n't) exist)$", re.IGNORECASE)
_MALFORMED = re.compile(
    r"^\s*(?:[-+]\s*[-+]|[*/^,]|\\(?:times|cdot|div)(?![A-Za-z]))|(?:(?<!\^)[-+*]|[/^=<>]|\\(?:times|cdot|div|pm))\s*$"
)


def fixed_words(text: str) -> Value | None:
    """The value of words that stand for one: `no solution` for the empty set."""
    plain = re.sub(r"\s+", " ", _TEXT.sub(r"\1", text)).strip(" .!?")
    if _NOTHING.match(plain):
        return Value("\\emptyset")
    everything = _ALL.match(plain)
    if everything:
        kind = everything["kind"].lower()
        return Value(
            "\\mathbb{Z}^+"
            if kind[0] == "p"
            else f"\\mathbb{{{'Z' if kind[0] == 'i' else 'Q' if kind[:2] == 'ra' else kind[0].upper()}}}"
        )
    return Value("does not exist", words=True) if _UNDEFINED.match(plain) else None


def has_words(text: str) -> bool:
    """Whether a text has words that algebra would drop or take for products of letters."""
    if _MALFORMED.search(text) or not well_formed(text) or re.search(r"[\u4e00-\u9fff?]", text):
        return True
    if any(re.search(r"[A-Za-z]{2}|[A-Za-z]\s", inside) or changes_number(inside) for inside in _TEXT.findall(text)):
        return True
    plain = _TEXT.sub(" ", re.sub(r"\\(?:begin|end)\s?\{[^{}]*\}", "", text))
    words = [word for word in _WORD.findall(plain) if not _KNOWN.match(word) and not is_product(word)]
    if any(len(word) > 4 or changes_number(word) for word in words) or (words and not re.search(r"[\\\d^_+=(-]", text)):
        return True
    after = re.search(r"\d\s+([A-Za-z]{2,})", plain)
    return re.search(r"(?<![_^\d])\d+\s+\d|:", text) is not None or (after is not None and not _KNOWN.match(after[1]))
