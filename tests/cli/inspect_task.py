"""`inspect eval inspect_task.py@scripted`: our task on an engine that is slow where SLOW is set; notes its requests."""

import os
from pathlib import Path
from typing import Any

from inspect_ai import Task, task

from peerleap.cli import inspect_tasks as tasks
from peerleap.engine import Completion, SamplingParams, ScriptedEngine


def script(text: str, params: SamplingParams) -> str:
    seed = params.seed or 0
    if "<summarize>" in text[-120:]:
        return f"I have {seed % 7}.</summarize>"
    if text.endswith("\\boxed{"):
        return "4}"
    return "thinking about it " * (3 + seed % 5) + f"\n\nso \\boxed{{{4 + seed % 2}}}."


class Noting(ScriptedEngine):
    async def generate(self, *args: Any, **kwargs: Any) -> Completion:
        done = await super().generate(*args, **kwargs)
        with Path("requests").open("a") as notes:
            notes.write(f"{hash((tuple(args[0]), args[1].seed))}\n")
        return done


engine = Noting(script, tokens_per_second=float(os.environ.get("SLOW", "0")) or None)
setattr(tasks, "get_engine", lambda *_, **__: engine)  # noqa: B010 (the module exports no such name)


@task
def scripted(**arguments: Any) -> Task:
    return tasks.solve(**arguments)
