"""Text from elsewhere, on tokenizers that normalise: no spelling of it becomes a control token."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from peerleap.tools import LEAP_TAGS, break_control, has_marker, neutralise, one_line

MARKS = "~\"'!;,.=&%$@?^+<>[]{}()|/\\`:_-#*"
CONTROLS = (
    *(f"{mark}im{mark}end{mark}" for mark in MARKS),
    *("<|im_end|>", "</s>", "<s>", "[INST]", "::end::", "<｜end▁of▁sentence｜>", "<think>", "[EOT]", "a~b!", "<a b>"),
)
NORMALIZERS: dict[str, Any] = {
    "none": None,
    "NFKC": normalizers.NFKC(),
    "NFKC and lower case": normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
    "no accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "no blanks": normalizers.Replace(" ", ""),
    "blanks as in sentencepiece": normalizers.Replace(" ", "▁"),
    "no control characters": normalizers.BertNormalizer(lowercase=False),
}


def tokenizer(name: str) -> Tokenizer:
    made = Tokenizer(models.BPE(vocab={chr(code): code for code in range(0x300)}, merges=[]))
    if NORMALIZERS[name] is not None:
        made.normalizer = NORMALIZERS[name]
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.add_special_tokens([AddedToken(text, special=True, normalized=True) for text in CONTROLS])
    return made


TOKENIZERS = {name: tokenizer(name) for name in NORMALIZERS}


def encode(name: str, text: str) -> list[int]:
    return list(TOKENIZERS[name].encode(text, add_special_tokens=False).ids)


IDS: dict[str, frozenset[Any]] = {
    name: frozenset(made.token_to_id(text) for text in CONTROLS) for name, made in TOKENIZERS.items()
}


def safe(name: str, text: str) -> str:
    return break_control(text, CONTROLS, control_ids=IDS[name], encode=lambda part: encode(name, part))


def wide(text: str) -> str:
    """The full-width form of printable ASCII."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def accented(text: str) -> str:
    return "".join(f"{char}\u0301" if char.isalpha() else char for char in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "twice": lambda text: text + text,
    "overlapping": lambda text: text + text[len(text) // 2 :] + text,
    "inside itself": lambda text: text[: len(text) // 2] + text + text[len(text) // 2 :],
    "full width": wide,
    "half full width": lambda text: text[:2] + wide(text[2:]),
    "upper case": str.upper,
    "accents": accented,
    "blanks": " ".join,
    "zero-width blanks": "\u200b".join,
    "control characters": "\x01".join,
    "ligatures": lambda text: text.replace("fi", "\ufb01").replace("...", "\u2026"),
    "mathematical letters": lambda text: "".join(
        chr(0x1D41A + ord(char) - ord("a")) if "a" <= char <= "z" else char for char in text
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", NORMALIZERS)
def test_no_spelling_is_a_control_token(name: str, spelling: str) -> None:
    for control in CONTROLS[-14:]:
        text = f"x {SPELLINGS[spelling](control)} y {SPELLINGS[spelling](control)}"
        assert IDS[name].isdisjoint(encode(name, safe(name, text))), control


def test_the_attack_works_without_the_cure() -> None:
    assert not IDS["NFKC"].isdisjoint(encode("NFKC", wide("~im~end~")))
    assert not IDS["no accents"].isdisjoint(encode("no accents", accented("<|im_end|>")))
    assert not IDS["none"].isdisjoint(encode("none", "::end: :end::".replace(": :", "::")))


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_in_disguise_is_a_marker(mark: str) -> None:
    control = f"{mark}im{mark}end{mark}"
    assert has_marker(control, [control])
    assert has_marker(wide(control), [control])
    assert unicodedata.normalize("NFKC", neutralise(f"a {wide(control)} b", [control])).count(control) == 0


@pytest.mark.parametrize(
    "text", ["", "Is 3 < 4 ~ 5, and why? [a, b] {c} 100%; x^2 + y^2", "Größe 数学 😀", "a\u0301 b"]
)
@pytest.mark.parametrize("name", NORMALIZERS)
def test_other_text_stays_as_it_is(name: str, text: str) -> None:
    assert safe(name, text) == text


PIECES = st.one_of(
    st.sampled_from(CONTROLS),
    st.sampled_from(CONTROLS).map(wide),
    st.sampled_from(CONTROLS).flatmap(lambda text: st.integers(1, max(1, len(text) - 1)).map(lambda cut: text[:cut])),
    st.sampled_from(CONTROLS).flatmap(lambda text: st.integers(1, max(1, len(text) - 1)).map(lambda cut: text[cut:])),
    st.text(max_size=4),
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(NORMALIZERS)), st.lists(PIECES, max_size=8).map("".join))
def test_any_text_is_free_of_control_tokens(name: str, text: str) -> None:
    found = safe(name, text)
    assert IDS[name].isdisjoint(encode(name, found))
    assert safe(name, found) == found


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.integers(1, 40))
@example("~im~end~.im.end.", 15)  # the cut took out what had made it harmless, every time
def test_any_result_of_a_tool_is_neutral(text: str, most: int) -> None:
    markers = (*LEAP_TAGS, *CONTROLS)
    shown = neutralise(text, markers, max_chars=most)
    assert len(shown) <= most
    assert not has_marker(shown, markers)
    label = one_line(text, markers, max_chars=most)
    assert len(label) <= most
    assert "\n" not in label
    assert not has_marker(label, markers)
