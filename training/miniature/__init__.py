"""The paper in miniature: a small model that reasons in steps, listens to its peers, and is trained from nothing.

In reading order:

- `blocks`: LeaP blocks as text, in the product's format
- `chain_sums`: sums: questions, traces that add digit by digit, what a path does after it has read
- `puzzles`: Countdown: numbers, targets, expressions, questions
- `countdown`: traces that search and check
- `tokenizer`: single digits, phrases, bytes
- `corpus`: batches of traces, and when which are trained
- `network`: a Llama in plain torch
- `optimizer`: Muon
- `loop`: the training loop
- `export`: a checkpoint as a folder that vLLM runs
- `questions`: fresh questions
- `build`: all of it
"""

from peerleap.training.miniature.build import Built, build
from peerleap.training.miniature.questions import chain_questions
from peerleap.training.miniature.questions import questions as fresh_questions

__all__ = ["Built", "build", "chain_questions", "fresh_questions"]
