"""A state that needs no unsafe types: it survives a reader that allows none."""

import os
import subprocess
import sys

PROGRAM = """
import sqlite3, sys, warnings
warnings.simplefilter("error")
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from peerleap.engine import ScriptedEngine
from peerleap.graph import build_graph

def script(prompt, params):
    if "</summarize>" in params.stop:
        return "I have 4.</summarize>"
    return "x" * 999 if "</comment>\\n\\n" not in prompt else "\\\\boxed{4}"

def graph():
    saver = SqliteSaver(sqlite3.connect(sys.argv[1], check_same_thread=False))
    return build_graph(paths=2, engine=ScriptedEngine(script)).compile(checkpointer=saver)

config = {"configurable": {"thread_id": "1"}}
context = {"interval": 40, "rounds": 1, "summary_tokens": 64, "logprobs": True}
out = graph().invoke({"messages": [HumanMessage("What is 2 + 2?")]}, config, context=context)
values = graph().get_state(config).values
for name, history in out["histories"].items():
    assert values["history_" + name] == history, name
for key in ("answer", "votes", "paths", "usage", "rounds", "messages"):
    assert values[key] == out[key], key
    assert type(values[key]) is type(out[key]), key
assert out["answer"] == "4"
assert values["params"]["interval"] == 40
assert graph().invoke({"question": "What is 3 + 1?"}, config, context=context)["answer"] == "4"
print("same")
"""


def test_strict_msgpack_round_trip(tmp_path: object) -> None:
    environment = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{tmp_path}/runs.db"],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "same\n", done.stderr
