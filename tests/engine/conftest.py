from collections.abc import Callable
from typing import Any

import pytest

MakeTokenizer = Callable[..., Any]


@pytest.fixture
def make_tokenizer() -> MakeTokenizer:
    """Make a byte-level tokenizer: its added tokens, its chat template, and whether encoding adds a BOS."""

    def make(*, tokens: tuple[str, ...] = (), template: str | None = None, adds_bos: bool = False) -> Any:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
        from transformers import PreTrainedTokenizerFast

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        backend = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.decoder = decoders.ByteLevel()
        backend.add_special_tokens(["<s>", "</s>"])
        if adds_bos:
            backend.post_processor = processors.TemplateProcessing(
                single="<s> $A", special_tokens=[("<s>", backend.token_to_id("<s>"))]
            )
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
        if tokens:
            tokenizer.add_tokens(list(tokens))
        tokenizer.chat_template = template
        return tokenizer

    return make
