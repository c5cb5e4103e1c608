"""`peerleap serve`: LeaP as a model behind an OpenAI-compatible address."""

import os
import shlex
import signal
import socket
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from peerleap.cli.display import View, choose_view, watched
from peerleap.cli.errors import usage_errors
from peerleap.cli.interrupt import run_until_interrupted
from peerleap.cli.models import model_for
from peerleap.cli.options import EngineArg, Model, Server, TeamFile, engine_arguments, server_urls

if TYPE_CHECKING:
    from peerleap.graph import CompiledLeapGraph
    from peerleap.serving import Graphs, Keys, Limits

_EPILOG = """
[bold]Examples[/bold]

With the embedded models, for this machine's programs only:
    peerleap serve

With a reasoning model and eight paths a request, for who has the key:
    peerleap serve --model Qwen/Qwen3-4B-Thinking-2507 --paths 8 --host 0.0.0.0 --api-key "$KEY"

On vLLM servers, with a model of theirs (docs/scale.md):
    peerleap serve --port 8100 --server http://10.0.0.1:8000 --server http://10.0.0.2:8000

Ask, and watch the thoughts:
    curl -N http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{"model": "peerleap", "stream": true, "messages": [{"role": "user", "content": "What is 215 + 47 - 98?"}]}'

Any OpenAI client: base URL http://127.0.0.1:8000/v1, model `peerleap`, or with settings `peerleap:paths=8,top_k=2`.
"""

_ADDRESS, _LIMITS = "The address", "Who may ask, and how much"
_QUESTION = "What is 215 + 47 - 98 + 366 - 25?"


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need a key.",
                          rich_help_panel=_ADDRESS)
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", help="Port; 0 takes one that is free.", min=0, max=65535, metavar="PORT",
                          rich_help_panel=_ADDRESS)
    ] = 8000,
    api_key: Annotated[
        list[str] | None,
        typer.Option(help="A key that clients must send; repeatable. Better in PEERLEAP_API_KEYS, with commas between.",
                     metavar="KEY", rich_help_panel=_LIMITS),
    ] = None,
    *,
    model: Model = None,
    server: Server = None,
    paths: Annotated[
        int | None,
        typer.Option("--paths", "-n", help="Paths of a request that names no number.", show_default="4",
                     rich_help_panel="The run"),
    ] = None,
    team: TeamFile = None,
    engine_arg: EngineArg = None,
    paths_at_once: Annotated[
        int | None,
        typer.Option(help="Paths that run at the same time; other requests wait.",
                     show_default="what keeps this machine busy", rich_help_panel=_LIMITS),
    ] = None,
    paths_per_key: Annotated[
        int | None,
        typer.Option(help="The same of one key.", show_default="no other limit", rich_help_panel=_LIMITS),
    ] = None,
    tokens_per_minute: Annotated[
        int | None,
        typer.Option(help="Tokens that one key may have generated in a minute.", show_default="no limit",
                     rich_help_panel=_LIMITS),
    ] = None,
    queue: Annotated[
        int, typer.Option(help="Requests that may wait; more are sent away (429).", rich_help_panel=_LIMITS)
    ] = 256,
    grace: Annotated[
        float,
        typer.Option(help="Seconds that running requests have to finish after Ctrl-C or SIGTERM.", min=0,
                     rich_help_panel=_ADDRESS),
    ] = 30,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show vLLM's own log, too.", rich_help_panel="The output")
    ] = False,
) -> None:  # fmt: skip
    """Serve LeaP as a model for any OpenAI client: chat with live thoughts, over HTTP."""
    with usage_errors():
        _check_installed()
        from peerleap.engine import requests_at_once
        from peerleap.serving import Keys, Limits, bind

        arguments, servers = engine_arguments(engine_arg), server_urls(server)
        keys = Keys([*(api_key or []), *_named_keys()])
        if paths_at_once is None:
            paths_at_once = max(requests_at_once(len(servers.split(",")) if servers else 0), paths or 0)
        limits = Limits(
            paths_at_once=paths_at_once, paths_per_key=paths_per_key, queue=queue, tokens_per_minute=tokens_per_minute
        )
        hosts = _hosts(host, keys)
        with bind(host, port) as listener:
            view = choose_view(Console(stderr=True, no_color=True), "", quiet=False, verbose=verbose, as_json=True)
            with watched(view, verbose=verbose):
                view.notice("loading LangGraph and the model's tokenizer")
                graphs = _graphs(model, servers, paths, team, arguments)
                ended_by = run_until_interrupted(
                    _serve(graphs, limits, keys, hosts, listener, host, grace, view), view.notice
                )
        if ended_by == signal.SIGINT:
            raise KeyboardInterrupt


async def _serve(
    graphs: "Graphs", limits: "Limits", keys: "Keys", hosts: list[str], listener: socket.socket, host: str,
    grace: float, view: View,
) -> int:  # fmt: skip
    import asyncio

    from peerleap.graph import as_settings
    from peerleap.graph.chat import check_reply
    from peerleap.serving import Admission, RequestError, create_app, engines_of, paths_of, serve

    try:
        graph, other = (graphs.graph(None, question) for question in (_QUESTION, "Hello"))
    except RequestError as error:  # the same line as of any other command
        raise ValueError(str(error)) from error
    await asyncio.to_thread(check_reply, graph, [("user", _QUESTION)], as_settings(None))
    if (count := paths_of(graph)) > limits.most_paths:
        raise ValueError(f"{count} paths a request: --paths-at-once and --paths-per-key must be at least that")
    engines, later = engines_of(graph), engines_of(other)
    view.notice(f"loading {' and '.join(engine.model for engine in engines)}")
    if later != engines:
        view.notice(f"{later[0].model} starts with the first question that is no chain sum; --model names a better one")
    await asyncio.gather(*(engine.start() for engine in engines))
    admission = Admission(limits)

    def ready() -> None:
        for line in _ready_lines(host, listener.getsockname()[1], keys=bool(keys)):
            print(line, flush=True)

    app = create_app(graphs, admission, keys, hosts=hosts)
    return await serve(app, admission, listener, grace=grace, ready=ready, notice=view.notice)


def _ready_lines(host: str, port: int, *, keys: bool) -> list[str]:
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
    body = '{"model": "peerleap", "stream": true, "messages": [{"role": "user", "content": ' + f'"{_QUESTION}"' + "}]}"
    key = ' -H "Authorization: Bearer $KEY"' if keys else ""
    url = f"http://{shown}:{port}/v1"
    return [
        f"serving on {url} (model: peerleap); Ctrl-C stops",
        f"curl -N {url}/chat/completions -H 'Content-Type: application/json'{key} -d {shlex.quote(body)}",
    ]


def _check_installed() -> None:
    missing = [name for name in ("starlette", "uvicorn", "prometheus_client") if find_spec(name) is None]
    if missing:
        raise ValueError(f"{missing[0]} is missing: pip install 'peerleap[serve]'")


def _named_keys() -> list[str]:
    return [key for text in os.environ.get("PEERLEAP_API_KEYS", "").split(",") if (key := text.strip())]


def _hosts(host: str, keys: "Keys") -> list[str]:
    """Names under which the server may be addressed.

    Raises:
        ValueError: everybody could ask.
    """
    from peerleap.serving import is_local

    if keys:
        return ["*"]  # who has no key gets nothing, under whatever name
    if not is_local(host):
        raise ValueError(
            f"--host {host}: whoever reaches this address could use the model; give --api-key or PEERLEAP_API_KEYS"
        )
    return ["127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host]


def _graphs(
    model: str | None, servers: str | None, paths: int | None, team: str | None, arguments: dict[str, Any]
) -> "Graphs":
    from peerleap.agents import load_team
    from peerleap.graph import build_graph
    from peerleap.serving import Graphs

    if team is not None and paths is not None:
        raise ValueError(f"--paths {paths!r}: give either --paths or --team (whose counts say how many)")
    if paths is not None and not 1 <= paths <= 1024:
        raise ValueError(f"paths={paths!r}: give a number from 1 to 1024")
    peers = None if team is None else load_team(team)

    def choose(question: str) -> str:
        named = model or (None if team or servers else model_for(question)[0])
        return named or ""

    def build(count: int | None, name: str) -> "CompiledLeapGraph":
        made: dict[str, Any] = {"server": servers, **arguments}
        return build_graph(name or None, paths=count, peers=peers, **made).compile()

    return Graphs(build, paths=None if peers else paths or 4, choose=choose)


serve.__doc__ = f"{serve.__doc__}\n{_EPILOG}"
