"""The prompt that a trained model shall need: the one of a lone path, which does not speak of peers."""

from collections.abc import Callable, Sequence
from typing import Any

from peerleap.agents import prompts
from peerleap.engine import decode, encode
from peerleap.training.row_file import RowsError

_ABOUT_PEERS = (prompts.PEERS, prompts.PEERS_TURNS)


def lone_prompts(tokenizer: Any) -> Callable[[Sequence[int]], list[int]]:
    """A function that takes the prompt ids of a path among peers and gives those of a lone path.

    What a LeaP-T model has learned needs no explaining, and the model is used on the plain prompt (paper, section 4).
    All else in the prompt stays: the task, a peer's expertise, the tools.
    """
    # The paths of a question share their prompt.
    known: dict[tuple[int, ...], list[int]] = {}

    def lone(ids: Sequence[int]) -> list[int]:
        key = tuple(ids)
        if key not in known:
            known[key] = _lone(tokenizer, key)
        return known[key]

    return lone


def _lone(tokenizer: Any, ids: Sequence[int]) -> list[int]:
    text = decode(tokenizer, list(ids))
    if encode(tokenizer, text) != list(ids):
        raise RowsError(
            "the ids of a prompt do not come back from its text: the traces are of another tokenizer, "
            f"or this one cannot write {text[-80:]!r} in one way only"
        )
    for about in _ABOUT_PEERS:
        text = text.replace(f"\n\n{about}", "")
    if prompts.SUMMARIZE in text:
        raise RowsError(
            f"a prompt speaks of {prompts.SUMMARIZE} in words that are not this version's: "
            f"make the traces again with it ({text[:200]!r})"
        )
    return encode(tokenizer, text)
