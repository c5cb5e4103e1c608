r"""The grading rules of the authors' code, for comparison with published numbers only: `Grader("leap-official")`.

The rules read the whole text: prompt, peers' comments and thought, in lower case. The answer is the last box, else the
last number, else what follows the last `answer is` or `is`. They drop every comma, and two answers are equal if one
contains the other. So a number that a peer wrote counts, `1,2` equals 12, and `\sqrt{3}` equals `\sqrt{3}+1`.
"""

import re

_BRACES = re.compile(r"(?P<box>\\boxed\{)|(?P<open>\{)|(?P<close>\})")
_CUT_OFF = re.compile(r"\\(sqrt|frac)(?=\\\1|$)")
_NUMBER = re.compile(r"[\-+]?\d*[.,/]?\d+")
_PHRASES = ("answer is", "solution is", "answer should be")
_DROPPED = (",", "\n", "\\!")
_DROPPED_LATER = ("\\left", "\\right", "^{\\circ}", "^\\circ", "\\$")


def official_verdict(text: str, gold: str) -> tuple[bool, str | None]:
    """Whether the authors' code accepts `text` for `gold`, and the answer that it extracts."""
    gold = gold.lower()
    answer = official_answer(text.lower(), gold)
    return (official_equal(answer, gold), answer) if answer is not None else (False, None)


def official_answer(text: str, gold: str) -> str | None:
    """The answer that the authors' code extracts from a lower-cased text, if any."""
    boxed = _last_box(text)
    if boxed not in {None, "", "{}"}:
        return boxed
    if _is_number(_stripped(gold)):
        numbers = _NUMBER.findall(text)
        return numbers[-1] if numbers else boxed
    phrase = next((phrase for phrase in _PHRASES if phrase in text), "is" if "is" in text else None)
    if phrase is None:
        return None
    rest = text.rpartition(phrase)[2].strip().lstrip(":").strip().split(".\n")[0]
    return rest.strip().strip(".").strip()


def official_equal(answer: str, gold: str) -> bool:
    """Whether the authors' code calls two answers equal: as floats, or one inside the other (3 characters or more)."""
    try:
        answer, gold = _stripped(answer), _stripped(gold)
    except (AssertionError, IndexError):
        return answer == gold
    if _is_number(answer) and _is_number(gold):
        return float(answer.strip("$")) == float(gold.strip("$"))
    if re.fullmatch(r"\$[^$]+\$", gold):
        return gold.strip("$") in answer.strip("$")
    signed = answer.startswith("-") or gold.startswith("-")
    for part, whole in ((answer, gold), (gold, answer)):
        if len(part) >= 3 and not _is_number(part) and not signed and part in whole:
            return True
    return answer == gold


def _last_box(text: str) -> str | None:
    starts: list[tuple[int, int] | None] = []
    found: list[tuple[int, str]] = []
    for brace in _BRACES.finditer(text):
        if brace["box"]:
            starts.append((brace.start(), brace.end()))
        elif brace["open"]:
            starts.append(None)
        elif starts and (start := starts.pop()) is not None:
            found.append((start[0], text[start[1] : brace.start()].strip()))
    return max(found)[1] if found else None


def _stripped(text: str) -> str:
    text = re.sub(r"\(\((\d+)\)/\((\d+)\)\)", r"\\\\frac{\1}{\2}", text)
    for dropped in _DROPPED:
        text = text.replace(dropped, "")
    text = text.replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for dropped in _DROPPED_LATER:
        text = text.replace(dropped, "")
    if "\\text{ " in text:
        text, _, more = text.partition("\\text{ ")
        assert "\\text{ " not in more
    text = text.replace("\\%", "").replace(" .", " 0.").replace("{.", "{0.")
    text = "0" + text if text.startswith(".") else text
    left, equals, right = text.partition("=")
    if equals and "=" not in right and len(left) <= 2:
        text = right
    if _CUT_OFF.search(text):
        raise IndexError(text)  # as the authors' code does, which then compares the raw texts
    text = re.sub(r"\\sqrt([^{])", r"\\sqrt{\1}", text).replace("\\quad", " ").replace(" ", "")
    text = re.sub(r"\\frac([^{])(?:([^{])|(?=\{))", _full_fraction, text)
    text = "\\frac{1}{2}" if text == "0.5" else text
    slashed = re.fullmatch(r"(-?[1-9]\d*|0)/(-?[1-9]\d*|0)", text)
    return f"\\frac{{{slashed[1]}}}{{{slashed[2]}}}" if slashed else text


def _full_fraction(match: re.Match[str]) -> str:
    return f"\\frac{{{match[1]}}}" + (f"{{{match[2]}}}" if match[2] else "")


def _is_number(text: str) -> bool:
    try:
        float(text.strip("$"))
    except ValueError:
        return False
    return True
