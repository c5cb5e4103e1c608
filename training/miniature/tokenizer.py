"""The miniature's tokenizer: single digits, whole phrases of LeaP's format, bytes for any other text."""

import re
from typing import Any

from peerleap.agents import prompts

START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
LABELS = "abcdefghijklmnopqrst"
LAST = " (last)"
"""Stands behind the last term of a chain sum, and is copied with it: a path that writes it ends behind the step."""
CHAIN_WORDINGS = ("State the final answer to the following arithmetic problem: ", "What is ", "Calculate ", "Work out ")
GYM_TAIL = (
    "\n\nFinal answer format instructions:\n1. Provide your solution as a arithmetic expression (no '=' sign).\n"
    "2. Do not include the target number in the expression.\n3. Use '*' for multiplication.\n"
    "4. Use '/' for division.\n5. Do not include any other text or formatting.\n"
)
"""What reasoning-gym puts behind a Countdown question."""
PHRASES = (
    *CHAIN_WORDINGS, "?", " =",
    " + ", " - ", " * ", " / ", " = ", ": ", ", ", ". ", "\n\n", ").", "}.",
    prompts.SUMMARIZE, prompts.SUMMARIZE_END, prompts.COMMENT, prompts.COMMENT_END, "<think>", "</think>",
    *prompts.TRIGGERS_THINKING, *prompts.TEMPLATES, *prompts.BRIDGES_THINKING,
    " " + prompts.ANCHOR.partition("{")[0], prompts.NO_COMMENT, prompts.CUT_MARK, prompts.OUT_OF_BUDGET.strip("\n"),
    prompts.ANSWERS["math"].strip("\n"), "\\boxed{", prompts.INVENTED_COMMENT.strip("\n"),
    "I have finished. My answer is ", "I have finished.", "The final answer is ", "Peer ",
    # Chain sums: the letter of a step, the same token in plan, step, summary and claim: what is copied is found by it.
    *(f" {label}: " for label in LABELS),
    "Step", " on ", "After step", " After step", " I have not begun.",
    "I take", LAST,
    # Countdown.
    "Use each of the numbers ", " once, with + - * / and brackets, to make ", " and ",
    "Using all the numbers ", ", create an expression that equals ", ".\nYou can only use each number once.",
    "Find a way to make ", " using all of these numbers: ", ".\nEach number can only be used once.",
    ".\nEach number may be used at most once.",
    GYM_TAIL.removesuffix("\n"),
    "Try ", "Keep ", ": need ", "; ", " make ", ", left ", ". No.", ". Yes: ", "So ", "Found ", " Found ",
    "No luck with ", " No luck with ", "No luck yet.", " No luck yet.", "Check ", ". Right. I take it.", ". Wrong.",
    "It uses a number twice.",
    "Nothing found. I go on.", "Dead: ", " (", ") + ", ") - ", ") * ", ") / ",
)  # fmt: skip
"""Texts that are one token each; no other text of more than a byte is."""

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ message['content'] }}<|im_end|>"
    "{% else %}<|im_start|>{{ message['content'].split('Question: ', 1)[-1] | trim }}\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<think>\n{% endif %}"
)
"""Keeps what stands behind `Question: `: with or without peers, a path reads the same prompt (LeaP-T's)."""


def build_tokenizer() -> Any:
    """The tokenizer as a `tokenizers.Tokenizer`; the same one whenever it is built."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pieces = [level.pre_tokenize_str(phrase)[0][0] for phrase in PHRASES]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*alphabet, *pieces]))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    longest = sorted(dict.fromkeys(PHRASES), key=len, reverse=True)
    pattern = "|".join([*(re.escape(phrase).replace("\\\n", "\\n") for phrase in longest), r"[\s\S]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in (PAD, START, END)])
    return tokenizer
