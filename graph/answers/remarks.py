r"""What stands around an answer and says nothing about its value: `The answer is`, `for all x`, `only`, a modulus."""

import re

_OPEN = r"(?:\\text\s?\{\s*)?"
_BLANK = r"(?:\s|\\text\s?\{\s*\}|[,;:])*"
# What denies the answer before it: none of these texts may be dropped.
DENIED = re.compile(
    r"\b(?:not|never|no longer|cannot|wrong|incorrect|false|untrue|impossible|invalid|contradicts?|contradiction|fails?"
    r"|excluded|rejected|extraneous|unlikely|neither|nor|except|unless|isn|aren|wasn|doesn|don|can)\b(?!\s+equal)"
    r"|[不非否未错]|n['’]t\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"^\s?(?:{_OPEN}"
    r"(?:(?:(?:so|thus|hence|therefore|then|and|finally|in total|altogether|we (?:get|have|find|obtain)|ans)\b"
    r"|[,:.])\s*){0,3}"
    r"(?:(?:the|an?|our|my|its?|there|this|that|this|all|final|correct|required|desired|only|unique|exact|total|we"
    r"|which)\b"
    r"[A-Za-z ,'’\-]{0,80}?)?\s?"
    r"(?:(?:answers?|ans|solutions?|result|value|sum|total)\s?[:：]"
    r"|(?:\b(?:answers?|ans|solutions?|result|value|number|sum|total|product|probability|area|length|it|there|this"
    r"|that|which)\b"
    r"[A-Za-z ,'’\-]{0,60}?)\b(?:is|are|equals?|be|was)(?:\s+(?:given\s+by|equal\s+to|simply|just|therefore"
    r"|thus))?\s?:?)"
    r"\s*\}?\s*)(?=\S)"
    r"|^\s?(?:\\text\s?\{\s*)?(?:所以|因此|故|即|则)?[\u4e00-\u9fff]{0,12}?(?:答案?|解|结果|值|为|是|等于|共有?|有|得|[：:])\s?[：:]?\s*\}?\s*"
    r"(?=[\d\\$A-Za-z(\[{+-])",
    re.IGNORECASE,
)
_JUST = re.compile(
    r"^(?:\\text\s?\{\s*)?(?:only|just|exactly|precisely|simply|namely|i\.e\.,?|恰好|仅|只有)\b\s*\}?\s*"
    r"|[\s,]*(?:\(\s?)?(?:\\text\s?\{\s*)?(?:\(\s?)?\b(?:only|exactly|precisely|altogether|in total|in all|overall|each"
    r"|is (?:the|my|our) (?:(?:final|correct|right|only|unique) )?(?:answers?|solutions?|result|value)"
    r"|is (?:correct|right))\s?\)?\s*\}?\s?\)?$",
    re.IGNORECASE,
)
_ROUGHLY = re.compile(
    r"^\s?(?:\\text\s?\{\s*)?(?:approximately|approx\.?|about|around|roughly|circa|ca\.|大约|约为?"
    r"|≈)\s*\}?\s*(?=[\d\\$.+-])"
    r"|^\s?\\(?:approx|sim|simeq)(?![A-Za-z])\s?",
    re.IGNORECASE,
)
_ALSO_ROUGHLY = re.compile(
    r"[\s,;]*(?:\\text\s?\{)?[\s,;]*(?:\(\s*)?(?:\\text\s?\{\s*)?(?:\(\s*)?(?:(?:or|i\.?e\.?,?|which is|that is,?"
    r"|equivalently,?)\s+)?"
    r"(?:approximately|approx\.?|about|around|roughly|\\approx(?![A-Za-z])|约)(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
# Conditions hold for the answer; reasons explain it, and may deny it.
_CLAUSE = re.compile(
    r"[\s,;]*(?:\\quad|\\qquad)?\s*(?:\(\s*)?(?:\\text\s?\{[\s,;]*)?(?:[(,;]\s*)?(?<![A-Za-z\\])"
    r"(?P<opener>for|when|whenever|where|if|with|provided|assuming|given|such that|attained|achieved|reached"
    r"|obtained|occurr?ing|subject to"
    r"|at (?!most\b|least\b)|as long as|in (?:terms|which)|over (?:the )?(?:reals?|integers?)"
    r"|(?P<reason>since|because|as|which|that is|i\.e\.|so|by|from|due to|after|using|see))(?![A-Za-z])(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_ALTERS = re.compile(
    r"\bremainders?\b|\botherwise\b|\belse\b|\bmore\b|\bless\b|\bexception\b|\breplacement\b|余",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"(?:,|(?<=\d)\s*\()\s*(?P<condition>\\?[a-z](?:_\{?\w\}?)?(?:\s?,\s?[a-z])*\s?(?:\\in|\\neq|\\g[et]|\\l[et]"
    r"|[<>])(?![A-Za-z]).*)$|\s\((?P<shown>[a-z]\s?(?:\\in|\\neq|\\g[et]|\\l[et]|[<>])(?![A-Za-z])[^()=]*)\)$",
    re.DOTALL,
)
_ASIDE = re.compile(
    r"\s?(?:\\text\s?\{\s?\([^(){}]*[A-Za-z]{2}[^(){}]*\)\s?\}|\(\s?\\text\s?\{[^{}]*\}[^()]*\)"
    r"|(?<=[A-Za-z}\d])\s+\([^()\\]*[A-Za-z]{3}[^()\\]*\))\s?$"
)
_TELLING_ASIDE = re.compile(r"\b(?:base|mod|modulo|or|and|to|times|dozen|hundred|thousand|million)\b", re.IGNORECASE)
_MODULUS = re.compile(
    r"[\s,]*(?:\(\s?)?(?:\\text\s?\{)?\s?\(?\s?(?:\\[pb]?mod(?![A-Za-z])|\\pod(?![A-Za-z])"
    r"|\\text\s?\{\s?\(?mod(?:ulo)?\s?\}|(?<![A-Za-z\\])mod(?:ulo)?(?![A-Za-z]))"
    r"\s?\}?\s?(?:\{\s?(?P<braced>[^{}]{1,40})\s?\}|(?P<plain>\d{1,30}(?:\^\{?\d{1,3}\}?)?"
    r"|[a-z](?![A-Za-z])))\s?\)?\s?\}?\s?\)?\s?$"
)


def without_modulus(text: str) -> tuple[str, str]:
    r"""A residue without its modulus, and the modulus: `N \equiv 25 \pmod{1000}` is `N = 25` and `1000`."""
    modulus = _MODULUS.search(text)
    if modulus is None or not text[: modulus.start()].strip():
        return text, ""
    left, _, right = re.split(r"(\\(?:equiv|cong)(?![A-Za-z]))", f"{text[: modulus.start()]}\\equiv", maxsplit=1)
    if right:
        # What is reduced, `2^{100}`, is no other side of an equation; a name is.
        named = re.search(r"(?<![\\A-Za-z])[A-Za-z]", left)
        rest = f"{left}={right}" if named else right
    else:
        rest = left
    rest = re.sub(r"\\(?:equiv|cong)(?![A-Za-z])\s?$", "", rest)
    rest = re.sub(r"\\(?:equiv|cong)(?![A-Za-z])\s?", "=", rest).strip()
    return rest, re.sub(r"\s", "", modulus["braced"] or modulus["plain"])


def without_remarks(text: str) -> tuple[str, str]:
    """An answer without the sentence around it, and the condition that it names (empty where there is none).

    Denials stay: `5 is wrong` and `5, which is impossible` are not 5.
    """
    if not re.search(r"[A-Za-z]{2}|[\u4e00-\u9fff]|\\approx|\\in|\\neq|[<>]", text):
        return text, ""
    condition = ""
    for _ in range(3):
        before = text
        text = _without_lead(text)
        text = _without_one(_JUST, text)
        text = _without_one(_ROUGHLY, text)
        text, more = _without_clause(text)
        condition = f"{condition} {more}".strip()
        if text == before:
            break
    return text, condition


def _without_lead(text: str) -> str:
    lead = _BEFORE.match(text)
    if lead is None or DENIED.search(lead[0]) or _ALTERS.search(lead[0]):
        return text
    return _closed(text[lead.end() :])


def _without_one(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        return text
    rest = _closed((text[: found.start()] + text[found.end() :]).strip())
    return rest or text


def _without_clause(text: str) -> tuple[str, str]:
    rough = _ALSO_ROUGHLY.search(text)
    # Without a bracket it is a side of a chain of equalities: `x \approx 204`.
    if (
        rough
        and ("\\approx" not in rough[0].removesuffix(rough["rest"]) or "(" in rough[0].removesuffix(rough["rest"]))
        and text[: rough.start()].strip()
        and not text[: rough.start()].rstrip().endswith("=")
        and not DENIED.search(rough["rest"])
    ):
        return _closed(text[: rough.start()].strip()), ""
    clause = _CLAUSE.search(text)
    if clause and (head := text[: clause.start()].strip()) and re.search(r"[\dA-Za-z)}\]]$", head):
        rest = clause["rest"]
        denied = (clause["reason"] or "equal" not in rest) and DENIED.search(rest)
        if not denied and not _ALTERS.search(rest) and head.count("(") >= head.count(")"):
            return _closed(head), "" if clause["reason"] else _condition(rest)
    aside = _ASIDE.search(text)
    if aside and text[: aside.start()].strip() and not DENIED.search(aside[0]) and not _TELLING_ASIDE.search(aside[0]):
        return _closed(text[: aside.start()].strip()), ""
    shown = _CONDITION.search(text)
    if shown and (head := text[: shown.start()].strip()) and not re.search(r"[<>]|\\(?:[lg]e|neq)(?![A-Za-z])", head):
        return _closed(head), _condition(shown["condition"] or shown["shown"])
    return text, ""


def _condition(rest: str) -> str:
    """The words and signs of a condition that can contradict those of another one."""
    found = re.findall(
        r"\b(?:even|odd|positive|negative|nonnegative|non-negative|prime|composite)\b|\\?[<>]|\\[lg]e(?![A-Za-z])|\d+",
        rest,
    )
    return " ".join(found)


def _closed(text: str) -> str:
    r"""The text with its braces balanced: what was cut off may have opened or closed a `\text{`."""
    opens = text.count("{") - text.count("\\{") - text.count("}") + text.count("\\}")
    if opens > 0:
        tail = re.search(r"\\text\s?\{\s*$", text)
        text = text[: tail.start()] if tail else f"{text}{'}' * opens}"
    while opens < 0 and "}" in text:
        place = text.rfind("}")
        text = text[:place] + text[place + 1 :]
        opens += 1
    shut = text.count(")") + text.count("]") - text.count("(") - text.count("[")
    if shut > 0 and text.endswith(")") and "]" not in text and "[" not in text:
        text = text[:-1]
    return text.strip(" ,;:")
