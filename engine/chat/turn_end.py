"""What ends a model's turn, although its tokenizer's end-of-text token may be another one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from peerleap.engine.chat.chat_format import control_texts, decode
from peerleap.engine.chat.templates import turn_markers
from peerleap.engine.chat.thinking import detect_thinking
from peerleap.engine.protocol import SamplingParams

_MARK = re.compile(r"<\|?[^<>\s]{1,40}\|?>|\[\|?/?[\w|]{2,40}\]|\n*(?:###\s*)?[A-Z][\w ]{1,30}:")


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn ends besides with the tokenizer's own end-of-text token."""

    token_id: int | None = None
    """The token with which the chat template ends a reply, where it is one."""
    text: str | None = None
    """The text with which it does, where that takes several tokens."""

    def added_to(self, params: SamplingParams) -> SamplingParams:
        """The parameters with this end among their stops."""
        if self.text is not None and self.text not in params.stop:
            return replace(params, stop=(*params.stop, self.text))
        if self.token_id is not None and self.token_id not in params.stop_token_ids:
            return replace(params, stop_token_ids=(*params.stop_token_ids, self.token_id))
        return params

    def tail(self, tokenizer: Any, token_ids: Sequence[int]) -> int:
        """Number of ids at the end of a completion that spell `text`, which a history does not keep."""
        whole = decode(tokenizer, list(token_ids))
        begin = whole.rfind(self.text) if self.text else -1
        if begin < 0:
            return 0
        count = 1
        while count < len(token_ids) and len(decode(tokenizer, list(token_ids[:-count]))) > begin:
            count += 1
        return count


@lru_cache(maxsize=16)
def turn_end(tokenizer: Any) -> TurnEnd:
    """Read off the chat template what follows a reply: its end-of-turn token, else what opens the next message.

    Fine-tuned models often end a turn with `<|im_end|>` or `<|eot_id|>` while their tokenizer names another end of
    text; without this they would go on to write the user's next message.
    """
    markers = turn_markers(tokenizer)
    if markers is None:
        return TurnEnd()
    follows = markers[0].lstrip(" ")
    mark = next((text for text in control_texts(tokenizer) if follows.lstrip().startswith(text)), None)
    if mark is None:
        found = _MARK.match(follows.lstrip(" ")) or _MARK.match(follows.lstrip())
        mark = found[0] if found else None
    # gpt-oss: a turn has several messages, and a thought ends like any of them.
    in_messages = "<|channel|>" in tokenizer.get_added_vocab()
    if mark is None or in_messages or detect_thinking(tokenizer).close.startswith(mark):
        return TurnEnd()
    ids = tokenizer.encode(mark, add_special_tokens=False)
    if len(ids) != 1:
        return TurnEnd(text=mark)
    return TurnEnd(token_id=None if ids[0] == tokenizer.eos_token_id else int(ids[0]))
