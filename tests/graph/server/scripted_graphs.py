"""The graphs that the server offers, on a scripted model: what the configuration of the server's tests names."""

import os

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph.served import served_graphs


def script(prompt: str, params: SamplingParams) -> str:
    """Text that depends on the prompt and the seed: a path that is resumed elsewhere goes on differently."""
    mark = (len(prompt) * 31 + (params.seed or 0)) % 1000
    if "</summarize>" in params.stop:
        return f"I have {mark}.</summarize>"
    if prompt.count("</comment>") > 2:
        return f"So it is \\boxed{{{mark % 2}}}."
    return f"step {mark}; " * 8 + "\n\n" + "and on and on. " * 200


_speed = float(os.environ.get("SCRIPTED_SPEED") or 0)
leap, leap_answer = served_graphs(ScriptedEngine(script, tokens_per_second=_speed or None))
