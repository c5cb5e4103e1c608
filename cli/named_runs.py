"""Runs that are stored under a name, with all that it takes to continue them."""

import json
import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NotRequired, TypedDict

from peerleap.cli.display import View
from peerleap.cli.interrupt import leave_at_once

# Metadata of a run: what its graph is made of (`recipe.py`, which brings pydantic and is imported when it is needed).
RECIPE = "leap_recipe"
# Metadata of a forked run: the run that it was forked from, and the block.
_FORKED = ("forked_from", "forked_at")


class Recipe(TypedDict):
    """What a run's graph is made of; stored with the run."""

    model: str | None
    paths: int | None
    """`None` where there is a team."""
    team: NotRequired[dict[str, Any]]
    """As `read_team` returns it."""
    server: str | None
    """Base URLs of the servers that run the model; `None` where none was named."""
    engine_args: dict[str, Any]


class Stopped(KeyboardInterrupt):
    """A signal stopped a run; the message says how to continue it."""


@contextmanager
def open_run(name: str, again: Mapping[str, Any] | None = None, server: str | None = None) -> Iterator[tuple[Any, Any]]:
    """Yield the graph and the configuration of a stored run.

    Args:
        name: the run's name.
        again: engine arguments of this call; `None` where no engine starts.
        server: base URLs of this call.

    Raises:
        InputError: no run has this name, or `peerleap ask` did not make it.
        ValueError: its recipe is damaged, or needs an engine argument or the servers again (`read_recipe`).
    """
    from peerleap.graph import InputError, open_checkpointer

    with open_checkpointer() as store:
        found = store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}})
        if found is None:
            raise InputError(f"{name!r}: no run of this name is stored in {store.name}; see `peerleap runs list`")
        yield _opened(store, name, found.metadata, again, server)


def _opened(
    store: Any,
    name: str,
    metadata: Mapping[str, Any],
    again: Mapping[str, Any] | None = None,
    server: str | None = None,
) -> tuple[Any, Any]:
    """As `open_run`, of a run whose metadata is at hand."""
    from peerleap.cli.recipe import read_recipe
    from peerleap.graph import InputError

    recipe: Any = metadata.get(RECIPE)
    if recipe is None:
        raise InputError(f"{name!r}: `peerleap ask --thread` did not make this run; continue it in Python")
    config = _config(name, recipe)
    config["metadata"] |= {key: metadata[key] for key in _FORKED if key in metadata}
    made = {**read_recipe(recipe, again=again, server=server).model_dump(), "server": server}
    return _graph(made, store), config


_MOST_RELATED = 8


def related_runs(name: str, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The run that a run was forked from, and its own forks, the latest first; those that can be read.

    Args:
        name: the run's name.
        metadata: the run's.

    Returns:
        For each: `relation` (`original` or `fork`), `block` (the one at which they part, from 1), `name` and `run`.
    """
    from peerleap.graph import CheckpointError, InputError, open_checkpointer, read_run

    original = metadata.get(_FORKED[0])
    found, runs = list[tuple[str, str, Mapping[str, Any], Any]](), []
    with open_checkpointer() as store:
        for other in store.threads():
            try:
                stored = store.get_tuple({"configurable": {"thread_id": other, "checkpoint_ns": ""}})
            except CheckpointError:
                continue
            about: Mapping[str, Any] = {} if stored is None else dict(stored.metadata)
            if original is not None and other == str(original):
                found.insert(0, ("original", other, about, metadata.get(_FORKED[1], 0)))
            if other != name and about.get(_FORKED[0]) == name:
                found.append(("fork", other, about, about.get(_FORKED[1], 0)))
        for relation, other, about, block in found[:_MOST_RELATED]:
            try:
                run = dict(read_run(*_opened(store, other, about)))
            except (InputError, CheckpointError, ValueError):
                continue
            runs.append({"relation": relation, "block": int(block) + 1, "name": other, "run": run})
    return runs


def ask_stored(name: str, question: str, recipe: Recipe, settings: dict[str, Any], view: View) -> dict[str, Any]:
    """Start a run under a name, and run it to its end.

    Raises:
        InputError: the name is taken or not usable.
    """
    from peerleap.engine import default_model, get_engine, model_folder
    from peerleap.graph import InputError, as_settings, open_checkpointer

    model = recipe["model"]
    if not recipe["server"]:
        model = default_model() if model is None else model
    elif "team" not in recipe:  # whatever the servers run when it is resumed, it must be the same model
        model = get_engine(model, server=recipe["server"], **recipe["engine_args"]).model
    folder = model_folder(model or "")
    stored = json.dumps({**recipe, "model": model if folder is None else str(folder.absolute())})
    with open_checkpointer() as store:
        if store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}}) is not None:
            raise InputError(
                f"--thread {name!r}: a run of this name exists; `peerleap resume {shlex.quote(name)}` continues it, "
                f"`peerleap runs delete {shlex.quote(name)}` deletes it"
            )
        graph, inputs = _graph(json.loads(stored), store), {"question": question}
        graph.builder.run.check(inputs, as_settings(settings))  # a run that is refused is not stored
        view.notice(f"stored as {name!r}; if it stops: {_resume(name, recipe['server'])}")
        return run_to_end(graph, _config(name, stored), inputs, view, settings)


def check_name(name: str) -> None:
    """Refuse a name that cannot be typed or printed.

    Raises:
        ValueError: says what a name may be.
    """
    if not name.strip() or not name.isprintable() or len(name) > 200:
        raise ValueError(f"--thread {name!r}: give a name of 1 to 200 printable characters")


def run_to_end(
    graph: Any, config: Any, inputs: dict[str, Any] | None, view: View, settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run until the vote; the first Ctrl-C or SIGTERM stops at the next safe point, the second at once.

    Args:
        graph: compiled with the checkpointer that stores the run.
        config: names the run's thread.
        inputs: the question, or `None` to continue.
        view: shows the run.
        settings: of a run that begins.

    Raises:
        Stopped: by a signal; says how to continue.
    """
    import asyncio

    from peerleap.graph import read_run

    if inputs is None:
        view.restore(dict(read_run(graph, config)))
    asyncio.run(_drive(graph, config, inputs, view, settings))
    return dict(read_run(graph, config))


async def _drive(graph: Any, config: Any, inputs: Any, view: View, settings: Any) -> None:
    import asyncio

    from langgraph.errors import GraphDrained
    from langgraph.runtime import RunControl

    name = config["configurable"]["thread_id"]
    again = _resume(name, recipe_of(config["metadata"]).get("server"))
    control, loop, this = RunControl(), asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None

    def stop(number: int) -> None:
        if this.cancelling():
            leave_at_once()
        elif control.drain_requested:
            view.notice("stopping now; the engine can take up to 15 s to end; once more leaves it behind")
            this.cancel()
        else:
            control.request_drain(signal.Signals(number).name)
            view.notice("stopping at the end of this round; Ctrl-C again stops at once, and nothing is lost")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        async for event in graph.astream(
            inputs, config, context=settings, stream_mode="custom", control=control, durability="sync"
        ):
            view.show(event)
    except (GraphDrained, asyncio.CancelledError):
        # Nothing is stored before the first checkpoint.
        begun = (await graph.aget_state(config)).created_at is not None
        cure = f"continue with: {again}" if begun else "nothing was stored yet; ask again"
        raise Stopped(f"stopped; {cure}") from None
    except KeyboardInterrupt:
        raise Stopped(f"stopped; continue with: {again}") from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def recipe_of(metadata: Any) -> dict[str, Any]:
    """The recipe in a checkpoint's metadata; empty where there is none."""
    from peerleap.cli.recipe import read_recipe

    stored = metadata.get(RECIPE)
    return {} if stored is None else dict(read_recipe(stored))


def _resume(name: str, server: str | None) -> str:
    """The command that continues a run."""
    return f"peerleap resume {shlex.quote(name)}" + (f" --server {shlex.quote(server)}" if server else "")


def _graph(recipe: dict[str, Any], store: Any) -> Any:
    from peerleap.agents import rebuild_team
    from peerleap.graph import build_graph

    made: dict[str, Any] = {"peers": rebuild_team(recipe["team"])} if recipe.get("team") else {"paths": recipe["paths"]}
    made["server"] = recipe.get("server")
    return build_graph(recipe["model"], **made, **recipe["engine_args"]).compile(checkpointer=store)


def _config(name: str, recipe: str) -> Any:
    return {"configurable": {"thread_id": name}, "metadata": {RECIPE: recipe}}
