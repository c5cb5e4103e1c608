"""Token ids as pieces of text: the bytes of each id, from a model's tokenizer."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from peerleap.engine import decode

_BROKEN = "\ufffd"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_BLANK = "\u2581"


def pieces(tokenizer: Any, token_ids: Iterable[int]) -> dict[int, bytes]:
    """The bytes of each id; several ids may share a character, so a piece need not be text on its own.

    Args:
        tokenizer: of the model that wrote the ids.
        token_ids: in any order; ids that the tokenizer does not have are left out.

    Returns:
        By id: its bytes.
    """
    found: dict[int, bytes] = {}
    for token in sorted(set(token_ids)):
        raw = tokenizer.convert_ids_to_tokens(token) if 0 <= token < len(tokenizer) else None
        if raw is not None:
            found[token] = _bytes(tokenizer, token, raw)
    return found


def _bytes(tokenizer: Any, token: int, raw: str) -> bytes:
    if byte := _BYTE.fullmatch(raw):
        return bytes([int(byte[1], 16)])
    if _BLANK in raw:
        return raw.replace(_BLANK, " ").encode("utf-8", "replace")
    text = decode(tokenizer, [token])
    alphabet = _alphabet()
    if _BROKEN in text and all(char in alphabet for char in raw):
        return bytes(alphabet[char] for char in raw)
    return text.encode("utf-8", "replace")


@cache
def _alphabet() -> Mapping[str, int]:
    """The byte that each character stands for in byte-level vocabularies (GPT-2's alphabet)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(shown)]
    return {chr(byte): byte for byte in shown} | {chr(256 + n): byte for n, byte in enumerate(others)}


def spells(table: Mapping[int, bytes], token_ids: Iterable[int], text: str | None) -> bool:
    """Whether the pieces of the ids, joined, are the text."""
    try:
        return text is not None and b"".join(table[token] for token in token_ids) == text.encode()
    except (KeyError, UnicodeEncodeError):
        return False
