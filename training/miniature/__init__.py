"""The paper in miniature: a small model that reasons in steps, listens to its peers, and is trained from nothing.

Read in this order:

    blocks.py      LeaP blocks as text, in the product's format
    chain_sums.py  sums: questions, traces that add digit by digit, what a path does after it has read
    puzzles.py     Countdown: numbers, targets, expressions, questions
    countdown.py   traces that search and check
    tokenizer.py   single digits, phrases, bytes
    corpus.py      batches of traces, and when which are trained
    network.py     a Llama in plain torch
    optimizer.py   Muon
    loop.py        the training loop
    export.py      a checkpoint as a folder that vLLM runs
    questions.py   fresh questions
    build.py       all of it
"""

from peerleap.training.miniature.build import Built, build

__all__ = ["Built", "build"]
