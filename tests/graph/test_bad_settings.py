"""What a bad setting or a bad team gets: the field, the value and what would be right."""

import asyncio
import re
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from peerleap.agents import Peer
from peerleap.engine import ScriptedEngine
from peerleap.graph import SettingsError, build_graph

QUESTION = {"question": "What is 2 + 2?"}

BAD: list[tuple[Any, str]] = [
    ({"top_k": 0}, "top_k=0: input should be greater than or equal to 1"),
    ({"top_k": 2000}, "top_k=2000: input should be less than or equal to 1024"),
    ({"top_k": "many"}, "top_k='many': input should be a valid integer"),
    ({"interval": 0}, "interval=0: input should be greater than or equal to 1"),
    ({"interval": 1.5}, "interval=1.5: input should be a valid integer"),
    ({"grace": -1}, "grace=-1: input should be greater than or equal to 0"),
    ({"rounds": -1}, "rounds=-1: input should be greater than or equal to 0"),
    ({"summary_tokens": 0}, "summary_tokens=0: input should be greater than or equal to 1"),
    ({"summary_tokens": 5000}, "summary_tokens=5000: input should be less than or equal to 4096"),
    ({"max_tokens": 0}, "max_tokens=0: input should be greater than or equal to 1"),
    ({"answer_tokens": -3}, "answer_tokens=-3: input should be greater than or equal to 1"),
    *(
        ({name: value}, f"{name}={value}: input should be less than or equal to {2**31 - 1}")
        for name in ("interval", "grace", "rounds", "max_tokens", "answer_tokens")
        for value in (2**31, 10**25)
    ),
    ({"communicate_at": [9, 10**25]}, f"communicate_at.1={10**25}: input should be less than or equal to"),
    ({"sampling": {"top_k": 10**25}}, f"sampling.top_k={10**25}: input should be less than or equal to"),
    ({"seed": 10**25}, f"seed={10**25}: input should be less than {2**63}"),
    ({"seed": -1}, "seed=-1: input should be greater than or equal to 0"),
    ({"seed": 2**63}, f"seed={2**63}: input should be less than {2**63}"),
    (
        {"router": "nearest"},
        "router='nearest': input should be 'dispersed', 'clustered', 'hybrid', 'random', 'all', 'evidence' or 'none'",
    ),
    ({"vote": "best"}, "vote='best': input should be 'majority' or 'shortest_majority'"),
    ({"similarity": "cosine"}, "similarity='cosine': input should be 'levenshtein' or 'indel'"),
    ({"cut": "line"}, "cut='line': input should be 'paragraph' or 'exact'"),
    ({"trigger": "me"}, "trigger='me': input should be 'interval' or 'model'"),
    ({"preset": "papers"}, "preset='papers': input should be 'paper'"),
    ({"task": "physics"}, "task='physics': input should be 'math', 'choice' or 'free'"),
    ({"sampling": {"temperature": 3}}, "sampling.temperature=3: input should be less than or equal to 2"),
    ({"sampling": {"temperature": -0.1}}, "sampling.temperature=-0.1: input should be greater than or equal to 0"),
    ({"sampling": {"temperature": float("nan")}}, "sampling.temperature=nan"),
    ({"sampling": {"top_p": 0}}, "sampling.top_p=0: input should be greater than 0"),
    ({"sampling": {"top_k": -1}}, "sampling.top_k=-1"),
    ({"communicate_at": []}, "communicate_at=[]: give token counts, each larger than the last"),
    ({"communicate_at": [20, 10]}, "communicate_at=[20, 10]: give token counts"),
    ({"communicate_at": [20, 20]}, "communicate_at=[20, 20]: give token counts"),
    ({"communicate_at": [0]}, "communicate_at.0=0: input should be greater than or equal to 1"),
    ({"communicate_at": [9], "interval": 5}, "communicate_at: give either this or interval and rounds"),
    ({"communicate_at": [9], "rounds": 1}, "communicate_at: give either this or interval and rounds"),
    ({"intervall": 5}, "'intervall' is not a setting; there are alumni, answer_tokens, block_as, budget_counts"),
    ({"temperature": 1}, "'temperature' is a field of sampling: give sampling={'temperature': 1}"),
    (
        {"sampling": {"temprature": 1}},
        "'sampling.temprature' is not a setting; there are base, frequency_penalty",
    ),
    ({"top_k": 0, "router": "x"}, "; top_k=0: input should be greater than or equal to 1"),
    (42, "context=42: give a mapping of settings, or a peerleap.graph.Settings"),
    ("interval=5", "context='interval=5': give a mapping"),
    ([("interval", 5)], "give a mapping of settings"),
]


@pytest.mark.parametrize(("context", "told"), BAD)
async def test_refused_and_nothing_stored(team: Any, say: Any, context: Any, told: str) -> None:
    made, saver = team(say()), InMemorySaver()
    graph = made.graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(SettingsError) as caught:
        graph.invoke(QUESTION, config, context=context)
    assert str(caught.value).startswith(told) or told in str(caught.value)
    with pytest.raises(SettingsError):
        await graph.ainvoke(QUESTION, config, context=context)
    assert list(saver.list(None)) == []
    assert made.engine.calls == []


def test_the_largest_numbers_can_be_stored(team: Any, say: Any) -> None:
    most = dict.fromkeys(("interval", "grace", "rounds"), 2**31 - 1)
    settings = {**most, "seed": 2**63 - 1, "sampling": {"top_k": 2**31 - 1}}
    graph = team(say(), seed=2**63 - 1).graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    assert graph.invoke(QUESTION, config, context=settings)["answer"] == "4"
    assert graph.get_state(config).values["answer"] == "4"


def test_a_budget_that_does_not_fit(team: Any, say: Any) -> None:
    graph = team(say(), context_length=5000).graph.compile()
    with pytest.raises(SettingsError, match=r"^max_tokens=5000: .*'scripted' has room for (\d+)") as caught:
        graph.invoke(QUESTION, context={"max_tokens": 5000})
    room = int(str(caught.value).partition("room for ")[2].split()[0])
    assert str(caught.value).splitlines()[0].endswith(f"set max_tokens to at most {room}")
    assert graph.invoke(QUESTION, context={"max_tokens": room})["answer"] == "4"
    with pytest.raises(SettingsError):
        graph.invoke(QUESTION, context={"max_tokens": room + 1})


@pytest.mark.parametrize("interval", [100, 700, 3000])
def test_the_largest_budget_with_its_blocks_is_named(team: Any, say: Any, interval: int) -> None:
    graph = team(say(), context_length=9000, thinking=True).graph.compile()
    context = {"interval": interval, "budget_counts": "own"}
    with pytest.raises(SettingsError, match=r"set max_tokens to at most \d+, fewer rounds") as caught:
        graph.invoke(QUESTION, context={**context, "max_tokens": 9000})
    most = int(str(caught.value).partition("at most ")[2].split(",")[0])
    assert graph.invoke(QUESTION, context={**context, "max_tokens": most})["answer"] == "4"
    with pytest.raises(SettingsError):
        graph.invoke(QUESTION, context={**context, "max_tokens": most + 1})


def test_the_budget_of_a_preset_that_does_not_fit(team: Any, say: Any) -> None:
    with pytest.raises(SettingsError, match="max_tokens=16384"):
        team(say(), context_length=8000).graph.compile().invoke(QUESTION, context={"preset": "paper"})


def test_paths_and_peers_together() -> None:
    with pytest.raises(ValueError, match="paths=2: give either paths or peers"):
        build_graph(paths=2, peers=[Peer(name="a")])


def test_two_peers_of_one_name() -> None:
    with pytest.raises(ValueError, match="two peers are named 'a'; give each its own name"):
        build_graph(peers=[Peer(name="a"), Peer(name="b"), Peer(name="a")])


@pytest.mark.parametrize("peers", [["solver"], Peer(name="solver"), "experts", {"name": "solver"}, [None]])
def test_what_is_no_team(peers: Any) -> None:
    with pytest.raises(ValueError, match=r"^peers=.*: give a list of Peer, such as"):
        build_graph(peers=peers)


def test_no_peers() -> None:
    with pytest.raises(ValueError, match=r"peers=\[\]: a team has at least one peer"):
        build_graph(peers=[])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pahts": 3}, "build_graph has no argument 'pahts'; did you mean 'paths'?"),
        ({"path": 3}, "did you mean 'paths'?"),
        ({"engin": None}, "did you mean 'engine'?"),
        ({"peer": []}, "did you mean 'peers'?"),
        ({"answers_only": True}, "did you mean 'answer_only'?"),
        ({"modle": "x"}, "did you mean 'model'?"),
    ],
)
def test_a_misspelt_argument(given: Any, told: str) -> None:
    with pytest.raises(ValueError, match=r"build_graph has no argument") as caught:
        build_graph(**given)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model": "nosuch"}, "model='nosuch': `engine` has"),
        ({"dtype": "bogus", "seed": 1}, "dtype='bogus', seed=1: `engine`"),
    ],
)
def test_an_engine_together_with_what_would_make_one(given: Any, told: str) -> None:
    for one in (engine(), {"solver": engine()}):
        with pytest.raises(ValueError, match="`engine` has its own model") as caught:
            build_graph(engine=one, **given)
        assert str(caught.value).startswith(told)


def engine(script: Any = lambda prompt, params: "\\boxed{4}") -> ScriptedEngine:
    return ScriptedEngine(script)


def test_engines_by_name() -> None:
    peers = [Peer(name="a"), Peer(name="b", count=2)]
    with pytest.raises(ValueError, match="engine: there is no peer 'c'; there are a, b"):
        build_graph(peers=peers, engine={"a": engine(), "b": engine(), "c": engine()})
    with pytest.raises(ValueError, match="engine: peer 'b' has none"):
        build_graph(peers=peers, engine={"a": engine()})
    one, two = engine(), engine(lambda prompt, params: "\\boxed{5}")
    graph: Any = build_graph(peers=peers, engine={"a": one, "b": two}).compile()
    out = graph.invoke(QUESTION, context={"rounds": 0})
    assert {name: outcome["answer"] for name, outcome in out["paths"].items()} == {"a_1": "4", "b_1": "5", "b_2": "5"}
    assert (len(one.requests), len(two.requests)) == (1, 2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"router": "random"}, "router='random': settings are given as context={'router': 'random'}"),
        ({"intervall": 5}, "intervall=5: settings are given as context={'interval': 5}"),
        ({"temperature": 1}, "settings are given as context={'sampling': {'temperature': 1}}"),
        ({"contxt": {"router": "random"}}, "a call has no argument 'contxt'; did you mean 'context'?"),
        ({"durabilty": "sync"}, "a call has no argument 'durabilty'; did you mean 'durability'?"),
    ],
)
async def test_an_argument_of_a_call_that_langgraph_would_drop(
    team: Any, say: Any, options: dict[str, Any], told: str
) -> None:
    made = team(say())
    graph = made.graph.compile()
    with pytest.raises(ValueError, match=re.escape(told)):
        await asyncio.to_thread(graph.invoke, QUESTION, **options)
    with pytest.raises(ValueError, match=re.escape(told)):
        await graph.ainvoke(QUESTION, **options)
    with pytest.raises(ValueError, match=re.escape(told)):
        await asyncio.to_thread(graph.batch, [QUESTION], **options)
    assert not made.engine.calls
