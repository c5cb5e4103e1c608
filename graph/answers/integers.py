r"""An answer that is one integer, as all of AIME's, AIMO's and GSM8K's are."""

from peerleap.graph.answers.nodes import Value
from peerleap.graph.answers.reading import read_answer


def parse_integer(text: str) -> int | None:
    r"""The integer that `text` writes (`\text{1,234}`, `016`, `204^\circ`, `x = 204`, `5 million`), or `None`.

    Args:
        text: An answer of at most 1,000 characters; nothing longer is an integer.
    """
    if len(text) > 1000:
        return None
    answer = read_answer(text)
    node = answer.node
    if not isinstance(node, Value) or node.number is None or node.sides or answer.based:
        return None
    return node.number.numerator if node.number.denominator == 1 else None
