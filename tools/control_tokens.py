"""Text from elsewhere that no tokenizer turns into a control token: checked by encoding it."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

_MOST_TURNS = 64


def break_control(
    text: str, controls: Iterable[str], *, control_ids: AbstractSet[int], encode: Callable[[str], Sequence[int]]
) -> str:
    """Break up what the tokenizer would take for control tokens, and change nothing else.

    A blank is put behind the first character of each. Their texts are looked for first; then the encoded text is
    searched for their ids, since a tokenizer may normalise its input, so that other spellings give the same token.

    Args:
        text: text from a person, a peer or a tool.
        controls: texts of the control tokens.
        control_ids: their token ids.
        encode: the tokenizer, without tokens that it puts before or behind a text.

    Returns:
        Text whose encoding holds none of `control_ids`.
    """
    controls = [control for control in controls if control]
    for _ in range(_MOST_TURNS):  # tokens may overlap themselves: "::end::end::"
        broken = text
        for control in controls:
            broken = broken.replace(control, f"{control[0]} {control[1:]}")
        if broken == text:
            break
        text = broken

    def holds(part: str) -> bool:
        return not control_ids.isdisjoint(encode(part))

    for _ in range(_MOST_TURNS):
        if not holds(text):
            return text
        if not (broken := _first_broken(text, holds)):
            break
        text = broken
    # A tokenizer that drops blanks: of letters and digits alone none makes a control token.
    return "".join(char if char.isalnum() else " " for char in text)


def _first_broken(text: str, holds: Callable[[str], bool]) -> str:
    """`text` with a blank in the first of its parts that `holds` a token; empty where that does not help."""
    end = _shortest(lambda length: holds(text[:length]), len(text))
    start = end - _shortest(lambda length: holds(text[end - length : end]), end)
    part = f"{text[start]} {text[start + 1 : end]}"
    return "" if holds(part) else f"{text[:start]}{part}{text[end:]}"


def _shortest(holds: Callable[[int], bool], most: int) -> int:
    """The smallest length for which `holds`, which is true for `most`, by bisection."""
    least = 0
    while most - least > 1:
        middle = (least + most) // 2
        if holds(middle):
            most = middle
        else:
            least = middle
    return most
