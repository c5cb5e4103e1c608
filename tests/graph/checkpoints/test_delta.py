"""Delta channels against plain reducers: whatever is done to a thread, both hold the same."""

from random import Random
from typing import Any

import pytest
from langgraph.channels import BinaryOperatorAggregate, DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.engine import SamplingParams, ScriptedEngine
from peerleap.graph import InputError, build_graph, fork, open_checkpointer

PATHS = 3
SETTINGS = {"interval": 40, "grace": 10, "summary_tokens": 48, "max_tokens": 1500, "answer_tokens": 20, "rounds": 2}


def script(prompt: str, params: SamplingParams) -> str:
    mark = (len(prompt) * 31 + (params.seed or 0)) % 1000
    if "</summarize>" in params.stop:
        return f"I have {mark}.</summarize>"
    return f"step {mark}; " * 9 + "and on. " * 99


def _one_write(reducer: Any) -> Any:
    def reduce(old: Any, new: Any) -> Any:
        return reducer(old, [new])

    return reduce


def plain(graph: Any) -> Any:
    """The same graph with a reducer in each delta channel's place."""
    for name, channel in list(graph.channels.items()):
        if isinstance(channel, DeltaChannel):
            replacement: Any = BinaryOperatorAggregate(list, _one_write(channel.reducer))
            replacement.key = name
            graph.channels[name] = replacement
    return graph


class Twin:
    """A graph on delta channels and one on plain reducers, to which the same is done."""

    def __init__(self, saver: Any) -> None:
        def build() -> Any:
            return build_graph(paths=PATHS, engine=ScriptedEngine(script))

        self.delta, self.plain = (
            build().compile(checkpointer=saver),
            plain(build()).compile(checkpointer=InMemorySaver()),
        )
        self.threads: list[tuple[Any, Any]] = []

    def do(self, action: str, random: Random) -> None:
        if action == "ask" or not self.threads:
            number = len(self.threads)
            self.threads.append((config(f"d{number}"), config(f"p{number}")))
            stop: Any = random.choice([None, ["leap_block"], ["solver_1"], ["vote"]])
            self.both(
                lambda graph, thread: graph.invoke(
                    {"question": f"What is 2 + {number}?"}, thread, context=SETTINGS, interrupt_before=stop
                ),
                self.threads[-1],
            )
            return
        pair = random.choice(self.threads)
        if action == "again":
            self.both(lambda graph, thread: graph.invoke({"question": "2 + 2?"}, thread, context=SETTINGS), pair)
        elif action == "resume":
            self.both(lambda graph, thread: graph.invoke(None, thread), pair)
        elif action == "update":
            update = {"history_solver_2": [{"kind": "nudge", "round": 0, "token_ids": [1], "text": "x"}]}
            self.both(lambda graph, thread: graph.update_state(thread, update, as_node="solver_2"), pair)
        elif action == "replay":
            back = random.randrange(6)
            self.both(lambda graph, thread: graph.invoke(None, past(graph, thread, back)), pair)
        elif action == "fork":
            options: Any = random.choice(
                [
                    {"drop": ["solver_1"]},
                    {"edit": {"solver_2": "Not so."}},
                    {"hint": "Look."},
                    {"settings": {"seed": 5}},
                ]
            )
            at, number = random.randrange(2), len(self.threads)
            made = [f"d{number}", f"p{number}"]
            try:
                for graph, thread, name in zip((self.delta, self.plain), pair, made, strict=True):
                    fork(graph, thread, round=at, thread_id=name, **options)
            except InputError:
                return
            self.threads.append((config(made[0]), config(made[1])))

    def both(self, act: Any, pair: tuple[Any, Any]) -> None:
        told: list[type[Exception] | None] = []
        for graph, thread in zip((self.delta, self.plain), pair, strict=True):
            try:
                act(graph, thread)
                told.append(None)
            except Exception as error:
                told.append(type(error))
        assert told[0] == told[1]

    def check(self) -> int:
        compared = 0
        for delta, other in self.threads:
            a, b = (list(graph.get_state_history(t)) for graph, t in ((self.delta, delta), (self.plain, other)))
            assert [seen(s) for s in a] == [seen(s) for s in b]
            compared += len(a)
        return compared


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def past(graph: Any, thread: Any, back: int) -> Any:
    found = list(graph.get_state_history(thread))
    return found[min(back, len(found) - 1)].config


def seen(snapshot: Any) -> Any:
    values = {key: value for key, value in snapshot.values.items() if key not in {"messages", "usage", "paths"}}
    for key, history in values.items():
        if key.startswith("history_"):
            values[key] = [(s["kind"], s["round"], s["token_ids"]) for s in history]
    return snapshot.next, values


@pytest.mark.parametrize("seed", range(4))
def test_delta_channels_hold_what_plain_reducers_hold(seed: int, tmp_path: Any) -> None:
    random = Random(seed)
    with open_checkpointer(tmp_path / "runs.sqlite") as store:
        twin = Twin(store if seed % 2 else InMemorySaver())
        assert any(isinstance(channel, DeltaChannel) for channel in twin.delta.channels.values())
        assert not any(isinstance(channel, DeltaChannel) for channel in twin.plain.channels.values())
        for _ in range(9):
            twin.do(random.choice(["ask", "again", "resume", "update", "replay", "fork", "fork", "resume"]), random)
        assert twin.check() > 10
