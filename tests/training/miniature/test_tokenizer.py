"""The miniature's tokenizer: any text survives it, digits stand alone, LeaP's format is short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerleap.agents import prompts
from peerleap.training.miniature.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer()


def ids(text: str) -> list[int]:
    return list(TOKENIZER.encode(text, add_special_tokens=False).ids)


@given(st.text() | st.sampled_from(['<comment>\nPeer 1: "x"\n</comment>', "1 + 2 = 3\n\n\n", "<|im_end|>"]))
def test_any_text_survives(text: str) -> None:
    assert TOKENIZER.decode(ids(text), skip_special_tokens=False) == text


@pytest.mark.parametrize(
    "phrase",
    [*prompts.TRIGGERS_THINKING, *prompts.TEMPLATES, *prompts.BRIDGES_THINKING, prompts.SUMMARIZE, prompts.COMMENT_END,
     "</think>", "\\boxed{"],
)  # fmt: skip
def test_the_products_phrases_are_one_token_each(phrase: str) -> None:
    assert len(ids(phrase)) == 1


def test_digits_stand_alone() -> None:
    assert len(ids("4150")) == 4
    assert len(ids("Step a: +091 on 415 = 6, 06, 506")) == 19


def test_it_is_the_same_whenever_it_is_built() -> None:
    assert build_tokenizer().to_str() == TOKENIZER.to_str()
