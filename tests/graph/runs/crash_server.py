"""Forks a process for each run that is to be killed: a fresh interpreter would take longer to start than a run takes.

Reads a job (a line of JSON), writes the process id of its child, reads an empty line, waits for the child to end, and
writes its exit status.
"""

import asyncio
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import build_graph, open_checkpointer

PATHS = 4
SETTINGS = {
    "interval": 60, "grace": 30, "summary_tokens": 48, "max_tokens": 2200, "answer_tokens": 40, "rounds": 3,
}  # fmt: skip


def script(prompt: str, params: SamplingParams) -> str:
    """Text that depends on the prompt and the seed, so that a lost or doubled token changes all that follows."""
    mark = (len(prompt) * 31 + (params.seed or 0)) % 1000
    if "</summarize>" in params.stop:
        return f"I have {mark}.</summarize>"
    if prompt.count("</comment>") > 2 and mark % 3 == 0:
        return f"So it is \\boxed{{{mark % 5}}}."
    return f"step {mark}; " * (6 + mark % 5) + "\n\n" + "and on and on. " * 200


class LoggingEngine(ScriptedEngine):
    """Writes the seed of each request, which names its path and place, when it begins."""

    def __init__(self, log: Path, tokens_per_second: float) -> None:
        super().__init__(script, tokens_per_second=tokens_per_second)
        self._log = log

    async def generate(
        self, token_ids: Any, params: SamplingParams, *, session: Any = None, on_text: Any = None
    ) -> Any:
        with self._log.open("a") as file:
            file.write(f"{params.seed}\n")
        return await super().generate(token_ids, params, session=session, on_text=on_text)


def run(job: dict[str, Any]) -> None:
    engine = LoggingEngine(Path(job["log"]), job["speed"])
    config: Any = {"configurable": {"thread_id": job["thread"]}}
    with open_checkpointer(job["store"]) as store:
        graph = build_graph(paths=PATHS, engine=engine).compile(checkpointer=store)
        begun = store.get_tuple(config) is not None
        given = None if begun else {"question": "What is 2 + 2?"}
        context: Any = None if begun else SETTINGS
        options = {"durability": job["durability"]}
        if job["asynchronous"]:
            asyncio.run(graph.ainvoke(given, config, context=context, **options))
        else:
            graph.invoke(given, config, context=context, **options)


def main() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)  # a warning about forks in processes with threads
    build_graph(paths=PATHS, engine=ScriptedEngine(script)).compile()
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            try:
                run(json.loads(line))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        sys.stdin.readline()  # until then the child's id is nobody else's, even if it has ended
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()
