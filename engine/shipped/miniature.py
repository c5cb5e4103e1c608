"""The miniature model that comes with the package, and the questions that it can answer."""

import re
from pathlib import Path
from typing import Literal

MINIATURE = "miniature"
"""Name of the shipped model; `peerleap train miniature` trains the same one."""
Family = Literal["chain sum", "countdown"]
MINIATURE_FAMILIES: frozenset[Family] = frozenset({"chain sum"})
"""What the shipped model was trained on; Countdown is a third phase of `peerleap train miniature`."""

_TERMS = r"\d{1,3}(?: [+-] \d{1,3}){1,13}"
_CHAIN_SUM = re.compile(
    rf"State the final answer to the following arithmetic problem: (?P<gym>{_TERMS}) ="
    rf"|(?:What is|Calculate|Work out) (?P<plain>{_TERMS})\??"
)
_LIST, _AND = r"\d{1,2}(?:, \d{1,2}){2,3}", r"\d{1,2}(?:, \d{1,2}){1,2} and \d{1,2}"
_GYM_TAIL = (
    r"\n\nFinal answer format instructions:\n1\. Provide your solution as a arithmetic expression \(no '=' sign\)\.\n"
    r"2\. Do not include the target number in the expression\.\n3\. Use '\*' for multiplication\.\n"
    r"4\. Use '/' for division\.\n5\. Do not include any other text or formatting\."
)
_COUNTDOWN = (
    re.compile(rf"Use each of the numbers (?P<n>{_AND}) once, with \+ - \* / and brackets, to make (?P<t>\d{{1,3}})\."),
    re.compile(
        rf"Using all the numbers (?P<n>{_LIST}), create an expression that equals (?P<t>\d{{1,3}})\.\n"
        rf"You can only use each number once\.{_GYM_TAIL}"
    ),
    re.compile(
        rf"Find a way to make (?P<t>\d{{1,3}}) using all of these numbers: (?P<n>{_LIST})\.\n"
        rf"Each number can only be used once\.{_GYM_TAIL}"
    ),
)
_MOST_VALUE, _MOST_NUMBER = 999, 12


def miniature_folder() -> Path:
    """Folder of the shipped miniature."""
    return Path(__file__).parent / "miniature_model"


def family_of(question: str) -> Family | None:
    """The family of questions that a question belongs to.

    Args:
        question: The question, as the user wrote it.

    Returns:
        `None` for a question of a kind that the miniature was not trained on: another wording; a sum of more than 14
        terms, with terms of more than three digits or running values outside 0 to 999; a Countdown puzzle that does
        not have 3 or 4 numbers of at most 12.
    """
    text = question.strip()
    if found := _CHAIN_SUM.fullmatch(text):
        return "chain sum" if _in_range((found["gym"] or found["plain"]).split()) else None
    for wording in _COUNTDOWN:
        if found := wording.fullmatch(text):
            numbers = [int(number) for number in re.findall(r"\d+", found["n"])]
            right = all(1 <= number <= _MOST_NUMBER for number in numbers) and int(found["t"]) > 0
            return "countdown" if right else None
    return None


def _in_range(parts: list[str]) -> bool:
    value = int(parts[0])
    for sign, term in zip(parts[1::2], parts[2::2], strict=True):
        value += int(term) if sign == "+" else -int(term)
        if not 0 <= value <= _MOST_VALUE:
            return False
    return True
