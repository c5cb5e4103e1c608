"""The blocks of the miniature's traces are those that the product writes, to the letter."""

from random import Random
from typing import Any

from peerleap.agents import prompts
from peerleap.training.miniature import blocks

STEP = "a: 415 + 91: 60'5 = 506"


def script(call: Any) -> str:
    if call.stage == "summary":
        return f" After step a the value is 50{call.path[-1]}.\n</summarize>"
    if call.stage == "answer":
        return "\n\nThe final answer is \\boxed{499}."
    done = call.path == "solver_3" or call.round > 0
    return "</think>" if done else f"{STEP}\n\n"


def test_triggers_summaries_and_comments_are_those_of_a_run(leap: Any) -> None:
    run = leap(script, paths=3, thinking=True, top_k=2, interval=len(STEP) + 2, summary_tokens=200)
    (trigger,) = run.texts("solver_1", "trigger")
    assert trigger in {blocks.trigger(Random(seed))[0] for seed in range(500)}
    (comment,) = run.texts("solver_1", "comment")
    claims = {2: "After step a the value is 502.", 3: blocks.conclusion("499")}
    numbers = [2, 3] if comment.index("Peer 2") < comment.index("Peer 3") else [3, 2]
    quotes = [(number, claims[number]) for number in numbers]
    assert comment in {blocks.comment(quotes, STEP, Random(seed))[0] for seed in range(100)}


def test_the_forced_end_is_the_products() -> None:
    assert blocks.forced()[0] == prompts.OUT_OF_BUDGET + "</think>" + prompts.ANSWERS["math"]
