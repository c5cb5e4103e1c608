"""`build_graph`: the team, the nodes and their edges."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config
from langgraph.graph import END, START

from peerleap.agents import Peer, path_peers
from peerleap.engine import Engine, get_engine
from peerleap.graph.compiled import LeapGraph
from peerleap.graph.events import NODE_TRACE
from peerleap.graph.nodes import Nodes
from peerleap.graph.settings import Settings
from peerleap.graph.state import path_schema, schemas

State = dict[str, Any]

# No argument of vLLM is spelt nearly like one of these.
_OWN = ("model", "paths", "peers", "engine", "server", "answer_only")


def build_graph(
    model: str | None = None,
    *,
    paths: int | None = None,
    peers: list[Peer] | None = None,
    engine: Engine | Mapping[str, Engine] | None = None,
    server: str | Sequence[str] | None = None,
    answer_only: bool = False,
    **engine_args: Any,
) -> LeapGraph:
    """A graph in which several paths of local models reason about one question and learn from each other (LeaP).

    Compile it, with a checkpointer if runs shall be kept, and call it with `{"question": ...}`, or with
    `{"messages": [...]}` ending in a person's message, and `context=` a mapping of `Settings`. Where both are given, it
    is the question that is asked. The output has `task`, `answer`, `votes`, `paths` (how each path ended), `histories`
    (their segments with token ids), `rounds` (summaries, similarities and routes of each LeaP block), `usage` and
    `messages`.

    Args:
        model: hub id, local folder, or `None` for `PEERLEAP_MODEL`, else the embedded model.
        paths: number of paths of the one peer `solver`; 4 unless given. Not together with `peers`.
        peers: the team, where paths differ.
        engine: an engine to use instead of one made for `model`; or one for each peer, by its name. Not together with
            `model`, `server` or engine arguments.
        server: base URLs of vLLM servers that run the model, such as `http://127.0.0.1:8000`; `None` for
            `PEERLEAP_SERVER`, else vLLM in this process, as with `""`. `model` is then the one of theirs to use.
        answer_only: the output is `answer`, `votes`, `usage` and `messages` without the reasoning, a few kilobytes;
            for callers that put it into a model's context.
        engine_args: vLLM's engine arguments (`dtype`, `tensor_parallel_size`, `max_model_len`, ...) and `lora_path`;
            with a server only `tokenizer`.

    Raises:
        ValueError: a peer, a path count or an engine is not usable, or an argument is misspelt. The model is looked
            for, and vLLM's arguments are checked, when a run begins.
    """
    for name in engine_args:
        if close := get_close_matches(name, _OWN, n=1, cutoff=0.7):
            raise ValueError(f"build_graph has no argument {name!r}; did you mean {close[0]!r}?")
    team = path_peers(_team(paths, peers))
    engines = _engines(model, team, engine, server, engine_args)
    run = Nodes(team, engines, answer_only=answer_only)
    state, inputs, output = schemas(list(team), answer_only=answer_only)
    graph = LeapGraph(state, run, context_schema=Settings, input_schema=inputs, output_schema=output)
    prepare_node: Any = Node("prepare", run.prepare, run.aprepare)
    graph.add_node("prepare", prepare_node, input_schema=state, trace_policy=NODE_TRACE)
    for name in team:
        node: Any = Node(name, partial(run.think, name), partial(run.athink, name))
        metadata = {"peer": team[name].name}
        graph.add_node(name, node, input_schema=path_schema(name), metadata=metadata, trace_policy=NODE_TRACE)
        # One edge for each path: an edge from a list would wait for paths that have stopped.
        graph.add_edge(name, "leap_block")
    block: Any = Node("leap_block", run.block.invoke, run.block.ainvoke)
    graph.add_node("leap_block", block, input_schema=state, trace_policy=NODE_TRACE)
    vote: Any = Node("vote", run.vote, run.avote)
    graph.add_node("vote", vote, input_schema=state, trace_policy=NODE_TRACE)
    graph.add_edge(START, "prepare")
    next_nodes = Node("next_nodes", run.next_nodes, run.anext_nodes)
    graph.add_conditional_edges("prepare", next_nodes, [*team, "vote"])
    graph.add_conditional_edges("leap_block", next_nodes, [*team, "vote"])
    graph.add_edge("vote", END)
    return graph


def _team(paths: int | None, peers: list[Peer] | None) -> list[Peer]:
    if peers is not None:
        if paths is not None:
            raise ValueError(f"paths={paths!r}: give either paths or peers (whose count says how many)")
        if not isinstance(peers, list | tuple) or not all(isinstance(peer, Peer) for peer in peers):
            raise ValueError(f"peers={peers!r}: give a list of Peer, such as [Peer(name='solver', count=4)]")
        return [*peers]
    count = 4 if paths is None else paths
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1024:
        raise ValueError(f"paths={paths!r}: give a number from 1 to 1024")
    return [Peer(name="solver", count=count)]


def _engines(
    model: str | None,
    team: Mapping[str, Peer],
    engine: Engine | Mapping[str, Engine] | None,
    server: str | Sequence[str] | None,
    args: dict[str, Any],
) -> dict[str, Engine]:
    if engine is not None and (model is not None or server is not None or args):
        values = {"model": model, "server": server, **args}
        own = ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not None)
        raise ValueError(f"{own}: `engine` has its own model and arguments; leave one of them out")
    if isinstance(engine, Mapping):
        names = {peer.name for peer in team.values()}
        if unknown := sorted(set(engine) - names):
            raise ValueError(f"engine: there is no peer {unknown[0]!r}; there are {', '.join(sorted(names))}")
        if missing := sorted(names - set(engine)):
            raise ValueError(f"engine: peer {missing[0]!r} has none")
        return {name: engine[peer.name] for name, peer in team.items()}
    if engine is not None:
        return dict.fromkeys(team, engine)
    return {
        name: get_engine(
            model if peer.model is None else peer.model,
            server=server if peer.server is None else peer.server,
            **{**args, **peer.engine_args},
        )
        for name, peer in team.items()
    }


class Node(Runnable[State, Any]):
    """A node, or a choice of nodes, for `invoke` and `ainvoke` alike.

    Unlike a `RunnableLambda`, it is no run of its own in a trace: LangGraph makes one for the node, and another one
    would hold the whole state again.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[State, RunnableConfig], Any],
        arun: Callable[[State, RunnableConfig], Awaitable[Any]],
    ) -> None:
        self.name, self._run, self._arun = name, run, arun

    def invoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """The node's update of the state, or the names of the nodes."""
        return self._run(input, config or ensure_config())

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """As `invoke`."""
        return await self._arun(input, config or ensure_config())
