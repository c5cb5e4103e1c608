"""The graphs that the server offers, on a scripted model: what the configuration of the server's tests names."""

import os
import re
from pathlib import Path
from typing import Any

from peerleap.agents import prompts
from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph.server import served_graphs


def script(prompt: str, params: SamplingParams) -> str:
    """Text that depends on the prompt and the seed: a path that is resumed elsewhere goes on differently."""
    if prompts.CODER in prompt and "</summarize>" not in params.stop:
        called = "```output" in prompt.rpartition("Question:")[2]
        return "So it is \\boxed{4}." if called else "Let me see.\n```python\nprint(2 + 2)\n```\n"
    mark = (len(prompt) * 31 + (params.seed or 0)) % 1000
    if "</summarize>" in params.stop:
        return f"I have {mark}.</summarize>"
    if "Which numbers" in prompt:  # all that were said, in order
        return "\\boxed{" + "".join(re.findall(r"number (\d)", prompt)) + "}"
    if prompt.count("</comment>") > 2:
        return f"So it is \\boxed{{{mark % 2}}}."
    return f"step {mark}; " * 8 + "\n\n" + "and on and on. " * 200


class LazyEngine(ScriptedEngine):
    """Its tokenizer touches the disk at its first use, as a real one does."""

    _touched = False

    @property
    def tokenizer(self) -> Any:
        if not self._touched:
            Path.cwd()
            self._touched = True
        return self._tokenizer

    @tokenizer.setter
    def tokenizer(self, made: Any) -> None:
        self._tokenizer = made


_speed = float(os.environ.get("SCRIPTED_SPEED") or 0)
leap, leap_answer = served_graphs(LazyEngine(script, tokens_per_second=_speed or None))
