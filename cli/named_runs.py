"""Runs that are kept under a name, with all that it takes to go on with them."""

import asyncio
import json
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from rich.console import Console
from rich.text import Text

from peerleap.cli.views import View

_RECIPE = "leap_recipe"
# Metadata of a run that was forked: the run that it comes from, and the block.
_FORKED = ("forked_from", "forked_at")


class Recipe(TypedDict):
    """What a run's graph is made of; stored with the run."""

    model: str | None
    paths: int | None
    """`None` where there is a team."""
    team: NotRequired[dict[str, Any]]
    """As `read_team` gives it."""
    engine_args: dict[str, Any]


class Stopped(KeyboardInterrupt):
    """A run was stopped by a signal; its message says how to go on with it."""


@contextmanager
def open_kept(name: str) -> Iterator[tuple[Any, Any]]:
    """The graph and the configuration of a run that is kept.

    Raises:
        InputError: there is none of this name, or it was not made by this command.
    """
    from peerleap.graph import InputError, open_checkpointer

    with open_checkpointer() as store:
        found = store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}})
        if found is None:
            raise InputError(f"{name!r}: no run is kept under this name in {store.name}; see `peerleap runs list`")
        told: Any = found.metadata.get(_RECIPE)
        if told is None:
            raise InputError(f"{name!r}: this run was not made by `peerleap ask --thread`; go on with it in Python")
        config, metadata = _config(name, told), dict(found.metadata)
        config["metadata"] |= {key: metadata[key] for key in _FORKED if key in metadata}
        yield _graph(json.loads(told), store), config


def ask_kept(
    name: str, question: str, recipe: Recipe, settings: dict[str, Any], view: View, messages: Console
) -> dict[str, Any]:
    """Begin a run under a name, and see it through.

    Raises:
        InputError: the name is taken, or is none.
    """
    from peerleap.engine import default_model
    from peerleap.graph import InputError, open_checkpointer
    from peerleap.graph.settings import as_settings

    if not name.strip() or not name.isprintable() or len(name) > 200:
        raise InputError(f"--thread {name!r}: give a name of 1 to 200 printable characters")
    model = default_model() if recipe["model"] is None else recipe["model"]
    folder = Path(model).expanduser()
    told = json.dumps({**recipe, "model": str(folder.absolute()) if model and folder.is_dir() else model})
    with open_checkpointer() as store:
        if store.get_tuple({"configurable": {"thread_id": name, "checkpoint_ns": ""}}) is not None:
            raise InputError(
                f"--thread {name!r}: there is a run of this name; `peerleap resume {shlex.quote(name)}` goes on with "
                f"it, `peerleap runs delete {shlex.quote(name)}` removes it"
            )
        graph, given = _graph(json.loads(told), store), {"question": question}
        graph.builder.run.check(given, as_settings(settings))  # what is refused is not kept
        messages.print(Text(f"kept as {name!r}; if it stops: peerleap resume {shlex.quote(name)}"), soft_wrap=True)
        return see_through(graph, _config(name, told), given, view, messages, settings)


def see_through(
    graph: Any,
    config: Any,
    given: dict[str, Any] | None,
    view: View,
    messages: Console,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run until the vote; the first Ctrl-C or SIGTERM stops at the next safe point, the second at once.

    Raises:
        Stopped: by a signal; says how to go on.
    """
    from peerleap.graph import read_run

    asyncio.run(_drive(graph, config, given, view, messages, settings))
    return dict(read_run(graph, config))


async def _drive(graph: Any, config: Any, given: Any, view: View, messages: Console, settings: Any) -> None:
    from langgraph.errors import GraphDrained
    from langgraph.runtime import RunControl

    name = config["configurable"]["thread_id"]
    control, loop, this = RunControl(), asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None

    def stop(number: int) -> None:
        if control.drain_requested:
            this.cancel()
            return
        control.request_drain(signal.Signals(number).name)
        messages.print("stopping at the end of this round; once more stops at once", style="bold")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        with view:
            if given is None:
                values = (await graph.aget_state(config)).values
                view.show({"v": 1, "type": "run", "paths": list(values.get("status", ())), "settings": {}})
            async for event in graph.astream(
                given, config, context=settings, stream_mode="custom", control=control, durability="sync"
            ):
                view.show(event)
    except (GraphDrained, asyncio.CancelledError):
        # Nothing is kept before the first checkpoint.
        begun = (await graph.aget_state(config)).created_at is not None
        told = f"go on with: peerleap resume {shlex.quote(name)}" if begun else "nothing was kept yet; ask again"
        raise Stopped(f"stopped; {told}") from None
    except KeyboardInterrupt:
        raise Stopped(f"stopped; go on with: peerleap resume {shlex.quote(name)}") from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def recipe_of(metadata: Any) -> dict[str, Any]:
    """The recipe in a checkpoint's metadata; empty where there is none."""
    found: dict[str, Any] = json.loads(metadata.get(_RECIPE) or "{}")
    return found


def _graph(recipe: dict[str, Any], store: Any) -> Any:
    from peerleap.agents import rebuild_team
    from peerleap.graph import build_graph

    made = {"peers": rebuild_team(recipe["team"])} if recipe.get("team") else {"paths": recipe["paths"]}
    return build_graph(recipe["model"], **made, **recipe["engine_args"]).compile(checkpointer=store)


def _config(name: str, recipe: str) -> Any:
    return {"configurable": {"thread_id": name}, "metadata": {_RECIPE: recipe}}
